INSERT INTO day_quality
SELECT cause, dept, dataset, dimension, field, reason, severity, {day:Date} AS day, count() AS n, sum(f.records) AS records
FROM finding AS f
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC')
GROUP BY cause, dept, dataset, dimension, field, reason, severity
