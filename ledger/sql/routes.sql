-- Sums over a span of days: the fresh ones from tally, the older ones from day_route.
SELECT $dims, $sums
FROM
(
    SELECT stage, cause, dept AS provider, dataset, subscriber, toDate(at, 'Asia/Shanghai') AS day, toUInt32(toStartOfHour(at)) AS hour,
        intDiv(toUInt32(at), 60) * 60 AS minute,
        records, bytes, fixed, lat_min, lat_max, lat_sum, lat_b, CAST(lat_c, 'Array(UInt64)') AS lat_c
    FROM tally
    WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND $condition
    UNION ALL
    SELECT stage, cause, dept AS provider, dataset, subscriber, day, toUInt32(0) AS hour, toUInt32(0) AS minute,
        records, bytes, fixed, lat_min, lat_max, lat_sum, lat_b, lat_c
    FROM day_route FINAL
    WHERE NOT $hourly AND day >= {first:Date} AND day < {cut:Date} AND $condition
    UNION ALL
    SELECT stage, cause, dept AS provider, dataset, subscriber, day,
        toUInt32(toDateTime(toString(day), 'Asia/Shanghai')) + 3600 * (number - 1) AS hour, toUInt32(0) AS minute,
        part AS records, toUInt64(0) AS bytes, toUInt64(0) AS fixed, toUInt32(0) AS lat_min, toUInt32(0) AS lat_max,
        toUInt64(0) AS lat_sum, [] AS lat_b, [] AS lat_c
    FROM day_route FINAL
    ARRAY JOIN hours AS part, arrayEnumerate(hours) AS number
    WHERE $hourly AND day >= {first:Date} AND day < {cut:Date} AND part > 0 AND $condition
) AS r
$group
