-- What was counted, as it came from bus.tallies. (lp, lo, li) is where a row came from: ledger partition, offset, index.
-- The recorder resumes behind the largest of them (I-15), so one insert must be one part in one partition.
CREATE TABLE IF NOT EXISTS tally
(
    lp UInt16,
    lo UInt64,
    li UInt16,
    at DateTime('UTC'),                 -- arrival second
    stage Enum8('sent' = 1, 'arrived' = 2, 'cleaned' = 3, 'duplicate' = 4, 'superseded' = 5, 'quarantined' = 6,
                'delivered' = 7, 'held_back' = 8, 'returned_up' = 9, 'returned_down' = 10),
    cause Enum8('live' = 1, 'snapshot' = 2, 'resend' = 3, 'replay' = 4),
    dept LowCardinality(String),
    dataset LowCardinality(String),
    subscriber LowCardinality(String),
    division LowCardinality(String),
    records UInt64,
    bytes UInt64,
    fixed UInt64,
    lat_min UInt32,                     -- handled - arrived, milliseconds
    lat_max UInt32,
    lat_sum UInt64,
    lat_b Array(UInt8),                 -- sparse histogram: buckets ceil(4*log2(ms+1)) ...
    lat_c Array(UInt32),                -- ... and the records in each
    worker LowCardinality(String),
    worker_epoch UInt32
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at, 'Asia/Shanghai')
ORDER BY (toStartOfHour(at), stage, dataset, subscriber, at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
