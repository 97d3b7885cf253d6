-- oldest-compatible: 1
-- The release before knows nothing of this column: what it makes keeps the default, what it updates keeps its value.
ALTER TABLE api ADD COLUMN exact_limits BIGINT NOT NULL DEFAULT 0;
