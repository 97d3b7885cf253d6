-- oldest-compatible: 1
-- The keys with which tokens are signed here. The release before signs none and knows none.
CREATE TABLE signing_key (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  algorithm TEXT NOT NULL,
  state TEXT NOT NULL,
  state_changed_at_ms BIGINT NOT NULL,
  sealed_key TEXT NOT NULL,
  trusted_until_ms BIGINT
);
CREATE INDEX signing_key_listing ON signing_key (workspace_id, created_at_ms DESC, id DESC);

-- The release before tells upstreams by plain headers who is calling.
ALTER TABLE api ADD COLUMN identity_token BIGINT NOT NULL DEFAULT 0;

-- Access tokens come and go, by the million: lists leave them out, and whoever forgets them finds those that are over.
CREATE INDEX credential_lasting ON credential (workspace_id, created_at_ms DESC, id DESC)
  WHERE kind <> 'access_token';
CREATE INDEX access_token_end ON credential (expires_at_ms) WHERE kind = 'access_token';
