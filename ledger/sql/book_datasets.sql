-- What became of what arrived, by provider, dataset and hour. Quarantined for one subscription is route's, not clean's.
SELECT dept AS provider, dataset, toUInt32(toStartOfHour(at)) AS hour,
    sumIf(t.records, stage = 'arrived') AS arrived, sumIf(t.records, stage = 'cleaned') AS cleaned,
    sumIf(t.records, stage = 'cleaned' AND cause = 'live') AS cleaned_live,
    sumIf(t.records, stage = 'duplicate') AS duplicate, sumIf(t.records, stage = 'superseded') AS superseded,
    sumIf(t.records, stage = 'quarantined') AS quarantined, sumIf(t.fixed, stage = 'cleaned') AS fixed
FROM tally AS t
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND subscriber = ''
    AND stage IN ('arrived', 'cleaned', 'duplicate', 'superseded', 'quarantined')
GROUP BY provider, dataset, hour
ORDER BY provider, dataset, hour
