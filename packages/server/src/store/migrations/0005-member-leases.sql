-- oldest-compatible: 1
-- How long each process answers by what it has cached. The release before leaves it empty, and has the same as all others.
ALTER TABLE members ADD COLUMN lease_ms BIGINT;
