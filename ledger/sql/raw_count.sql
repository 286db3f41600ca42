-- Values on raw lanes as the auditor counted them with its own reader: no tombstones, no markers, only what clean has
-- committed. upto is the next offset behind what a row counted; the auditor resumes at the largest of a partition.
CREATE TABLE IF NOT EXISTS raw_count
(
    lane LowCardinality(String),
    lp UInt16,
    upto UInt64,
    hour DateTime('UTC'),
    records UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(hour, 'Asia/Shanghai')
ORDER BY (lane, lp, hour, upto)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
