-- When a subscription began, changed or ended, as far as the ledger saw it in the plan: it concerns what arrived between
-- `since` and `until`. Seen within that time, or, where older records were on their way then, at its end.
CREATE TABLE IF NOT EXISTS subscription_change
(
    subscription LowCardinality(String),
    dataset LowCardinality(String),
    subscriber LowCardinality(String),
    since DateTime('UTC'),
    until DateTime('UTC'),
    changed UInt64,                     -- the plan version that changed it last
    live UInt8
)
ENGINE = MergeTree
ORDER BY (subscription, changed)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
