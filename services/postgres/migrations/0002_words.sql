-- Which version of the words the rows of songs were made with. Rows of an older one are made anew when a
-- server opens the library.
ALTER TABLE library ADD COLUMN words integer NOT NULL DEFAULT 1;
