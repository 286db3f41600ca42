-- Records by what was found in them, over a span of days: the fresh ones from finding, the older ones from day_quality.
SELECT $dims, sum(f.records) AS records
FROM
(
    SELECT cause, dept AS provider, dataset, dimension, field, reason, severity, toDate(at, 'Asia/Shanghai') AS day, records
    FROM finding
    WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND $condition
    UNION ALL
    SELECT cause, dept AS provider, dataset, dimension, field, reason, severity, day, records
    FROM day_quality FINAL
    WHERE day >= {first:Date} AND day < {cut:Date} AND $condition
) AS f
GROUP BY $dims
ORDER BY $dims
