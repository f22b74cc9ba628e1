-- What was found of audio that could not be read, or is not what was uploaded; null where nothing was. It counts
-- as no copy until the same file is uploaded again.
ALTER TABLE audio ADD COLUMN damaged text;
