-- One Shanghai day of one route, recomputed from tally whenever that day gets tallies; the row with the largest n is right.
CREATE TABLE IF NOT EXISTS day_route
(
    stage Enum8('sent' = 1, 'arrived' = 2, 'cleaned' = 3, 'duplicate' = 4, 'superseded' = 5, 'quarantined' = 6,
                'delivered' = 7, 'held_back' = 8, 'returned_up' = 9, 'returned_down' = 10),
    cause Enum8('live' = 1, 'snapshot' = 2, 'resend' = 3, 'replay' = 4),
    dept LowCardinality(String),        -- the provider
    dataset LowCardinality(String),
    subscriber LowCardinality(String),
    day Date,
    n UInt64,                           -- tallies folded in
    records UInt64,
    bytes UInt64,
    fixed UInt64,
    hours Array(UInt64),                -- records of each of the 24 hours
    lat_min UInt32,
    lat_max UInt32,
    lat_sum UInt64,
    lat_b Array(UInt8),
    lat_c Array(UInt64)
)
ENGINE = ReplacingMergeTree(n)
PARTITION BY toYYYYMM(day)
ORDER BY (stage, cause, dept, dataset, subscriber, day)
