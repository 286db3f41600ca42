-- Peaks of one hour, put together with what day_peak has of that day. Windows only grow, so the larger is always right,
-- and doing it twice changes nothing. Of equal windows the earliest counts, of equal datasets the first by name.
INSERT INTO day_peak
SELECT '$scope' AS scope, name, stage, {day:Date} AS day, {n:UInt64} AS n,
    maxIf(records, width = 1), argMinIf(began, (-records, began), width = 1), argMinIf(top, (-records, began), width = 1),
    maxIf(records, width = 60), argMinIf(began, (-records, began), width = 60), argMinIf(top, (-records, began), width = 60),
    maxIf(records, width = 3600), argMinIf(began, (-records, began), width = 3600),
    argMinIf(top, (-records, began), width = 3600)
FROM
(
    SELECT name, transform(code, range(1, length({stages:Array(String)}) + 1), {stages:Array(String)}, 'exchange') AS stage, width, began,
        toInt64(sum(part)) AS records, argMin(dataset, (-toInt64(part), dataset)) AS top
    FROM
    (
        SELECT $name AS name, code, width, intDiv(second, width) * width AS began, dataset, sum(counted) AS part
        FROM
        (
            SELECT stage, dataset, subscriber, toUInt32(at) AS second, sum(tally.records) AS counted
            FROM tally
            WHERE at >= toDateTime({start:UInt32}, 'UTC') AND at < toDateTime({end:UInt32}, 'UTC') AND cause = 'live'
                AND $named
            GROUP BY stage, dataset, subscriber, second
        )
        ARRAY JOIN [1, 60, 3600] AS width
        ARRAY JOIN if(stage IN ('delivered', 'returned_up', 'returned_down'), [toInt8(stage), toInt8(0)],
                      [toInt8(stage)]) AS code
        GROUP BY name, code, width, began, dataset
    )
    GROUP BY name, code, width, began
    UNION ALL
    SELECT name, stage, slot.1 AS width, slot.2 AS began, slot.3 AS records, slot.4 AS top
    FROM day_peak FINAL
    ARRAY JOIN [(1, toUInt32(second_at), toInt64(second_records), toString(second_dataset)),
                (60, toUInt32(minute_at), toInt64(minute_records), toString(minute_dataset)),
                (3600, toUInt32(hour_at), toInt64(hour_records), toString(hour_dataset))] AS slot
    WHERE day = {day:Date} AND scope = '$scope'
)
GROUP BY name, stage
