-- Names of songs behind the first of their kind: artists (1), genres (2), and those to whom a song belongs
-- beside its artists (3). The first ones are in the row of the song.
CREATE TABLE names (
    song bytea NOT NULL REFERENCES songs (id),
    kind smallint NOT NULL,
    -- The hash of the folded name.
    name bytea NOT NULL,
    -- The place of its group in their order; none where it makes no group.
    place bytea,
    PRIMARY KEY (kind, name, song)
);

CREATE INDEX names_groups ON names (kind, place, name, song);
CREATE INDEX names_song ON names (song);

-- The place of a song on its album among those whose cover can stand for it, the lowest first.
ALTER TABLE songs ADD COLUMN on_album bigint NOT NULL DEFAULT 0;

-- The reader that described all audio at least: older descriptions are read anew in the background.
ALTER TABLE library ADD COLUMN reader integer NOT NULL DEFAULT 0;
