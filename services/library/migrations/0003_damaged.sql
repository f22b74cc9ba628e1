-- Audio on this machine that could not be read, or is not what was uploaded. It does not count as here
-- until it is found whole, or is brought again.
CREATE TABLE damaged (
    content BLOB NOT NULL PRIMARY KEY,  -- 32 bytes: the hash of the audio
    why     TEXT NOT NULL               -- what was found, for people
) WITHOUT ROWID;
