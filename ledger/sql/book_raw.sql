-- Values on raw as the auditor counted them, by lane and hour.
SELECT lane, toUInt32(hour) AS hour, sum(c.records) AS records
FROM raw_count AS c
WHERE c.hour >= toDateTime({start:UInt32}, 'UTC') AND c.hour < toDateTime({end:UInt32}, 'UTC')
GROUP BY lane, hour
ORDER BY lane, hour
