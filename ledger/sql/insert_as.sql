INSERT INTO $table ($columns) SELECT $columns FROM input('$structure')
WHERE NOT throwIf((SELECT argMax(w.token, (w.epoch, w.token)) FROM writer AS w WHERE w.writer = {writer:String}) != {token:String})
FORMAT JSONCompactColumns