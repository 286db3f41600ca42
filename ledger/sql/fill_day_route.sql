INSERT INTO day_route
SELECT stage, cause, dept, dataset, subscriber, {day:Date} AS day, count() AS n,
    sum(tally.records) AS records, sum(tally.bytes) AS bytes, sum(tally.fixed) AS fixed,
    sumForEach(arrayMap(h -> if(h = toHour(at, 'Asia/Shanghai'), tally.records, 0), range(24))) AS hours,
    minIf(tally.lat_min, notEmpty(tally.lat_b)) AS lat_min, max(tally.lat_max) AS lat_max, sum(tally.lat_sum) AS lat_sum,
    sumMap(tally.lat_b, tally.lat_c).1 AS lat_b, sumMap(tally.lat_b, tally.lat_c).2 AS lat_c
FROM tally
WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC')
GROUP BY stage, cause, dept, dataset, subscriber
