-- The scrub, which examines all audio: of the servers that share a library one does it, while its lease lasts.
-- What is known of it is one row, so that a pass goes on where the last server stopped.
CREATE TABLE scrub (
    server bytea NOT NULL DEFAULT '',
    until timestamptz NOT NULL DEFAULT '-infinity',
    -- Bytes that this server examines in a second.
    rate bigint NOT NULL DEFAULT 0,
    -- The content that was examined last in this pass; empty where it has only begun.
    place bytea NOT NULL DEFAULT '',
    -- Bytes of this pass.
    examined bigint NOT NULL DEFAULT 0,
    passes bigint NOT NULL DEFAULT 0,
    ended_at timestamptz
);

INSERT INTO scrub DEFAULT VALUES;

-- How often audio was put into the store anew. What was read before says nothing of it any more.
ALTER TABLE audio ADD COLUMN healed bigint NOT NULL DEFAULT 0;

CREATE INDEX audio_damaged ON audio (content) WHERE damaged IS NOT NULL;
