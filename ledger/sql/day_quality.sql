-- One Shanghai day of one finding, recomputed whenever that day gets findings; the row with the largest n is right.
CREATE TABLE IF NOT EXISTS day_quality
(
    cause Enum8('live' = 1, 'snapshot' = 2, 'resend' = 3, 'replay' = 4),
    dept LowCardinality(String),        -- the provider
    dataset LowCardinality(String),
    dimension Enum8('completeness' = 1, 'validity' = 2, 'consistency' = 3, 'timeliness' = 4),
    field LowCardinality(String),
    reason LowCardinality(String),
    severity Enum8('' = 0, 'suspect' = 1, 'fix' = 2, 'noted' = 3, 'reject' = 4),
    day Date,
    n UInt64,                           -- rows of finding folded in
    records UInt64
)
ENGINE = ReplacingMergeTree(n)
PARTITION BY toYYYYMM(day)
ORDER BY (dept, dataset, cause, dimension, field, reason, severity, day)
