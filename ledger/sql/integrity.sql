-- Whether any row is in its table twice. The same tally has the same second, so hour by hour is enough, and lean.
SELECT sum(tallies) AS tallies, sum(different) AS different
FROM
(
    SELECT toStartOfHour(at) AS hour, count() AS tallies, uniqExact(lp, lo, li) AS different
    FROM $table
    WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC')
    GROUP BY hour
)
SETTINGS optimize_aggregation_in_order = 1
