-- Who may insert, on a server: the last to take over as recorder or auditor. Each insert asks, within itself, whether it still
-- is the one; so a predecessor that was cut off, or slept with rows in its memory, adds nothing behind its successor's back.
CREATE TABLE IF NOT EXISTS writer
(
    writer LowCardinality(String),
    epoch UInt64,
    token String
)
ENGINE = MergeTree
ORDER BY (writer, epoch)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
