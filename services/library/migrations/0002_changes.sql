-- Transactions are numbered, so that a saved search index can be caught up with what came after it.
ALTER TABLE songs ADD COLUMN change INTEGER NOT NULL DEFAULT 0;  -- the last that touched the card
CREATE INDEX songs_change ON songs (change);

-- Cards that were dropped, and when.
CREATE TABLE forgotten (
    id     BLOB NOT NULL PRIMARY KEY,
    change INTEGER NOT NULL
) WITHOUT ROWID;

-- One row.
CREATE TABLE changes (
    library BLOB NOT NULL,     -- 16 random bytes: a saved index of another library is not for this one
    last    INTEGER NOT NULL,  -- the number of the last transaction
    since   INTEGER NOT NULL   -- what was forgotten up to this number is not in `forgotten` any more
);
INSERT INTO changes (library, last, since) VALUES (randomblob(16), 0, 0);

-- Sums up without reading the hashes of all pieces.
CREATE INDEX audio_size ON audio (size);
