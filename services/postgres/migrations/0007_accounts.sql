-- Accounts of people: the last entry of each key. Each is numbered anew when it is put, so that servers that share the
-- library can ask for what the others have put.
CREATE TABLE account_entries (
    key text PRIMARY KEY,
    entry text NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY
);

CREATE INDEX account_entries_number ON account_entries (number);
