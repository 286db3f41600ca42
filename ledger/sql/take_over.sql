-- Be this writer from now on.
INSERT INTO writer SELECT {writer:String} AS writer, max(w.epoch) + 1 AS epoch, {token:String} AS token
FROM writer AS w WHERE w.writer = {writer:String}
