-- The largest windows over a span of days; of equal ones the earliest.
SELECT name, max(p.second_records) AS second_records,
    toUInt32(argMin(p.second_at, (-toInt64(p.second_records), p.second_at))) AS second_at,
    argMin(p.second_dataset, (-toInt64(p.second_records), p.second_at)) AS second_dataset,
    max(p.minute_records) AS minute_records,
    toUInt32(argMin(p.minute_at, (-toInt64(p.minute_records), p.minute_at))) AS minute_at,
    argMin(p.minute_dataset, (-toInt64(p.minute_records), p.minute_at)) AS minute_dataset,
    max(p.hour_records) AS hour_records,
    toUInt32(argMin(p.hour_at, (-toInt64(p.hour_records), p.hour_at))) AS hour_at,
    argMin(p.hour_dataset, (-toInt64(p.hour_records), p.hour_at)) AS hour_dataset
FROM day_peak AS p FINAL
WHERE day >= {first:Date} AND day <= {last:Date} AND stage = {stage:String} AND scope = {scope:String}
    AND ({name:String} = '' OR name = {name:String})
GROUP BY name
