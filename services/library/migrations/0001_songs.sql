-- A card: what is known of a song, and which of its recordings have their audio on this machine.
CREATE TABLE songs (
    id   BLOB NOT NULL PRIMARY KEY,  -- 32 bytes: the identity of the song
    song TEXT NOT NULL,              -- the song as JSON, as it also travels between machines
    held BLOB NOT NULL               -- content hashes in a row, 32 bytes each
);

-- Audio on this machine. Whether a file is part of the library is decided here, not by the directory.
CREATE TABLE audio (
    content BLOB NOT NULL PRIMARY KEY,  -- 32 bytes: the hash of the audio
    size    INTEGER NOT NULL,           -- bytes
    chunks  BLOB NOT NULL               -- the hashes of its pieces in a row, 32 bytes each
);
