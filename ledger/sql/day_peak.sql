-- The largest second, minute and hour of one Shanghai day, live records only, each with when it began and which dataset
-- gave the most. scope: all (name ''), dataset, subscriber. stage 'exchange' = delivered + returned_up + returned_down.
CREATE TABLE IF NOT EXISTS day_peak
(
    scope Enum8('all' = 1, 'dataset' = 2, 'subscriber' = 3),
    name LowCardinality(String),
    stage LowCardinality(String),
    day Date,
    n UInt64,                           -- the day's tallies when it was computed; the row with the largest is right
    second_records UInt64, second_at DateTime('UTC'), second_dataset LowCardinality(String),
    minute_records UInt64, minute_at DateTime('UTC'), minute_dataset LowCardinality(String),
    hour_records UInt64, hour_at DateTime('UTC'), hour_dataset LowCardinality(String)
)
ENGINE = ReplacingMergeTree(n)
PARTITION BY toYYYYMM(day)
ORDER BY (scope, name, stage, day)
