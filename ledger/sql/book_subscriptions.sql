-- What subscribers were told of each dataset, live, by hour.
SELECT dataset, subscriber, toUInt32(toStartOfHour(at)) AS hour,
    sumIf(t.records, stage = 'delivered') AS delivered, sumIf(t.records, stage = 'returned_up') AS returned_up,
    sumIf(t.records, stage = 'returned_down') AS returned_down, sumIf(t.records, stage = 'held_back') AS held_back,
    sumIf(t.records, stage = 'quarantined') AS quarantined
FROM tally AS t
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND subscriber != ''
    AND cause = 'live' AND stage IN ('delivered', 'returned_up', 'returned_down', 'held_back', 'quarantined')
GROUP BY dataset, subscriber, hour
ORDER BY dataset, subscriber, hour
