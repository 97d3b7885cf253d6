-- oldest-compatible: 1

-- Who signs tokens that are trusted at an API. The release before makes none and knows none: as long as it runs beside
-- this one, none should be made, since it cannot follow what the feed says of them.
CREATE TABLE issuer (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  audience TEXT NOT NULL,
  api_id TEXT NOT NULL,
  algorithms TEXT NOT NULL,
  key_source TEXT NOT NULL,
  claims TEXT NOT NULL,
  types TEXT,
  clock_skew_seconds BIGINT NOT NULL,
  max_age_seconds BIGINT,
  conditions TEXT,
  limits TEXT NOT NULL,
  disabled_at_ms BIGINT,
  revoked_before_ms BIGINT,
  revoked_tokens TEXT NOT NULL,
  revoked_principals TEXT NOT NULL,
  FOREIGN KEY (workspace_id, api_id) REFERENCES api (workspace_id, id)
);
CREATE UNIQUE INDEX issuer_name ON issuer (workspace_id, name);
-- One API trusts a pair of iss and aud once: two rows could say different things of one token.
CREATE UNIQUE INDEX issuer_audience ON issuer (workspace_id, api_id, issuer, audience);
CREATE INDEX issuer_api ON issuer (workspace_id, api_id);
CREATE INDEX issuer_listing ON issuer (workspace_id, created_at_ms DESC, id DESC);
