-- The largest day over a span of days, live only, and the dataset that gave most of it.
SELECT name, max(t.total) AS records,
    argMin(t.day, (-toInt64(t.total), t.day)) AS day, argMin(t.top, (-toInt64(t.total), t.day)) AS dataset
FROM
(
    SELECT name, day, sum(p.part) AS total, argMin(p.dataset, (-toInt64(p.part), p.dataset)) AS top
    FROM
    (
        SELECT $name AS name, day, dataset, sum(d.records) AS part
        FROM day_route AS d FINAL
        WHERE day >= {first:Date} AND day <= {last:Date} AND cause = 'live' AND stage IN ($stages) AND $condition
            AND ({name:String} = '' OR $name = {name:String})
        GROUP BY name, day, dataset
    ) AS p
    GROUP BY name, day
) AS t
GROUP BY name
