-- What was found in records, as it came from bus.tallies: records by reason; those with an empty reason are the records
-- with any finding that lowers the figure of the dimension. (lp, lo, li) as in tally: the recorder resumes by both (I-15).
CREATE TABLE IF NOT EXISTS finding
(
    lp UInt16,
    lo UInt64,
    li UInt16,
    at DateTime('UTC'),                 -- arrival second
    cause Enum8('live' = 1, 'snapshot' = 2, 'resend' = 3, 'replay' = 4),
    dept LowCardinality(String),
    dataset LowCardinality(String),     -- empty where the bytes do not tell
    dimension Enum8('completeness' = 1, 'validity' = 2, 'consistency' = 3, 'timeliness' = 4),
    field LowCardinality(String),
    reason LowCardinality(String),
    severity Enum8('' = 0, 'suspect' = 1, 'fix' = 2, 'noted' = 3, 'reject' = 4),
    records UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at, 'Asia/Shanghai')
ORDER BY (toStartOfHour(at), dataset, dimension, field, reason, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
