-- Which version of the words the rows of songs were made with. Rows of an older one are made anew when a
-- server opens the library.
ALTER TABLE library ADD COLUMN words integer NOT NULL DEFAULT 1;

-- Every form of any word once, by its hash, since words may be longer than an index takes. Parts of words
-- and slips are looked for here. Forms of songs that are gone stay; they find nothing.
CREATE TABLE forms (
    id bytea PRIMARY KEY,
    form text COLLATE "C" NOT NULL
);
