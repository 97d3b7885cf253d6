-- oldest-compatible: 1
-- How long an API goes on without the store; 0: not at all, which is what the release before does.
ALTER TABLE api ADD COLUMN outage_grace_seconds BIGINT NOT NULL DEFAULT 0;
