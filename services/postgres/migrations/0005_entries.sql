-- Songs with several recordings, which may be at several places of their album. They are few, and a list of an
-- album looks at each of them.
ALTER TABLE songs ADD COLUMN several boolean NOT NULL DEFAULT false;

UPDATE songs SET several = true WHERE id IN (
    SELECT song FROM recordings GROUP BY song HAVING count(*) > 1
);

CREATE INDEX songs_several ON songs (album) WHERE several;
