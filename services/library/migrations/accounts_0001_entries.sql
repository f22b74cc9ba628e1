-- What the accounts are made of: one statement of one account each, the last one under its key.
CREATE TABLE entries (
    key   TEXT NOT NULL PRIMARY KEY,  -- the account, and what is said of it
    entry TEXT NOT NULL               -- as JSON, as it also travels between machines
);
