-- Live records of each minute since `start`, by stage.
SELECT intDiv(toUInt32(at), 60) * 60 AS began, stage, sum(tally.records) AS records
FROM tally
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND cause = 'live'
    AND (stage != 'quarantined' OR subscriber = '')
GROUP BY began, stage
