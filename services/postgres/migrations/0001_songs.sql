-- Songs as they are searched, browsed and listed. Everything here is made of the recordings, by
-- the server that writes them; texts that only order are bytes, so that no collation matters.
CREATE TABLE songs (
    id bytea PRIMARY KEY,
    -- The words of title, artist and album: each behind a 1, 2 or 3 that says where it is.
    words tsvector NOT NULL,
    -- The beginnings of the lines that a typed text is compared with.
    title_line bytea NOT NULL,
    artist_line bytea NOT NULL,
    -- How many bytes the title's line and its place in the alphabet have in common.
    title_agrees smallint NOT NULL,
    -- Places in the orders of songs.
    by_title bytea NOT NULL,
    by_artist bytea NOT NULL,
    by_album bytea NOT NULL,
    newest bigint NOT NULL,
    year bigint NOT NULL,
    chance bigint NOT NULL,
    -- Hashes of the folded names, for filters and groups; and the groups' places in their orders,
    -- none where there is no name.
    artist bytea NOT NULL,
    album bytea NOT NULL,
    genre bytea NOT NULL,
    album_of_artist bytea,
    artist_place bytea,
    album_place bytea,
    genre_place bytea,
    duration_ms bigint NOT NULL
);

CREATE INDEX songs_words ON songs USING gin (words) WITH (fastupdate = off);
CREATE INDEX songs_title_line ON songs (title_agrees, title_line);
CREATE INDEX songs_artist_line ON songs (artist_line);
CREATE INDEX songs_by_title ON songs (by_title, id);
CREATE INDEX songs_by_artist ON songs (by_artist, id);
CREATE INDEX songs_by_album ON songs (by_album, id);
CREATE INDEX songs_newest ON songs (newest);
CREATE INDEX songs_year ON songs (year, by_title, id);
CREATE INDEX songs_album ON songs (album);
CREATE INDEX songs_artist ON songs (artist);
CREATE INDEX songs_artists ON songs (artist_place, artist, id);
CREATE INDEX songs_albums ON songs (album_place, album_of_artist, id);
CREATE INDEX songs_genres ON songs (genre_place, genre, id);

-- Audio that belongs to the library, and the hashes of its pieces.
CREATE TABLE audio (
    content bytea PRIMARY KEY,
    size bigint NOT NULL,
    chunks bytea NOT NULL
);

-- A song is a set of recordings; each as the JSON of its description.
CREATE TABLE recordings (
    song bytea NOT NULL REFERENCES songs (id),
    content bytea NOT NULL REFERENCES audio (content),
    description text NOT NULL,
    PRIMARY KEY (song, content)
);

CREATE INDEX recordings_content ON recordings (content);

-- Audio that may be in the audio store without belonging to the library: on its way in until its
-- lease ends, or on its way out. What a dead server left is found here.
CREATE TABLE arrivals (
    id bytea PRIMARY KEY,
    content bytea NOT NULL,
    until timestamptz NOT NULL,
    removing boolean NOT NULL DEFAULT false
);

CREATE INDEX arrivals_content ON arrivals (content);
CREATE INDEX arrivals_until ON arrivals (until);

-- One round of the mix that shuffles songs: 32 bits in, 32 bits out.
CREATE FUNCTION mixed(place bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS 'SELECT ((place # (place >> 16)) * 73244475) & 4294967295';

-- Who this library is, so that no other takes its place in an audio store.
CREATE TABLE library (
    owner text NOT NULL
);

INSERT INTO library (owner) VALUES ('postgres:' || md5(random()::text || clock_timestamp()::text));
