-- oldest-compatible: 1

CREATE TABLE usage (
  credential_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  code TEXT NOT NULL,
  workspace_id TEXT NOT NULL,
  count BIGINT NOT NULL,
  first_at_ms BIGINT NOT NULL,
  last_at_ms BIGINT NOT NULL,
  last_ip TEXT,
  last_user_agent TEXT,
  PRIMARY KEY (credential_id, version, code)
) /* sqlite: WITHOUT ROWID */;

-- Quota counters of the limiter, so that a restart does not hand the period out again.
CREATE TABLE counters (
  key TEXT PRIMARY KEY NOT NULL,
  a DOUBLE PRECISION NOT NULL,
  b DOUBLE PRECISION NOT NULL,
  saved_at_ms BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX counters_age ON counters (saved_at_ms);
