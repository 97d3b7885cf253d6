-- oldest-compatible: 1
-- Written in the SQL that SQLite and PostgreSQL share: TEXT, BIGINT, 0 or 1 for truth, JSON as text.
-- What a comment says only to SQLite (see sqlite-migrate.ts) keeps a table in the order of its key, in one tree
-- instead of two: each tree that a commit touches is one page more to write before it is acknowledged.
-- Every reference names the workspace too, so that the database itself lets nothing cross it.

CREATE TABLE workspace (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL,
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  key_prefix TEXT NOT NULL,
  CHECK (workspace_id = id)
);
CREATE UNIQUE INDEX workspace_name ON workspace (name);
CREATE INDEX workspace_listing ON workspace (created_at_ms DESC, id DESC);

CREATE TABLE api (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  audience TEXT NOT NULL,
  scopes TEXT NOT NULL,
  routes TEXT NOT NULL,
  accepts TEXT NOT NULL,
  upstream TEXT,
  host TEXT,
  base_path TEXT NOT NULL,
  strip_base_path BIGINT NOT NULL,
  cors_origins TEXT NOT NULL,
  requires_tls BIGINT NOT NULL,
  max_lifetime_seconds BIGINT,
  key_prefix TEXT,
  query_parameter TEXT,
  credential_header TEXT,
  limits TEXT NOT NULL,
  metadata TEXT NOT NULL,
  built_in BIGINT NOT NULL,
  UNIQUE (workspace_id, id)
);
CREATE UNIQUE INDEX api_name ON api (workspace_id, name);
CREATE UNIQUE INDEX api_audience ON api (workspace_id, audience);
-- The gateway is one for the installation: two APIs of any workspaces cannot be mounted at one place.
CREATE UNIQUE INDEX api_base_path ON api (coalesce(host, ''), base_path) WHERE upstream IS NOT NULL;
CREATE INDEX api_listing ON api (workspace_id, created_at_ms DESC, id DESC);

CREATE TABLE role (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  api_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  FOREIGN KEY (workspace_id, api_id) REFERENCES api (workspace_id, id)
);
CREATE UNIQUE INDEX role_name ON role (workspace_id, name);
CREATE INDEX role_api ON role (workspace_id, api_id);
CREATE INDEX role_listing ON role (workspace_id, created_at_ms DESC, id DESC);

CREATE TABLE principal (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  external_id TEXT,
  owner TEXT,
  contact TEXT,
  disabled_at_ms BIGINT,
  ceiling TEXT,
  limits TEXT NOT NULL,
  metadata TEXT NOT NULL,
  UNIQUE (workspace_id, id)
);
CREATE UNIQUE INDEX principal_name ON principal (workspace_id, name);
CREATE INDEX principal_external_id ON principal (workspace_id, external_id);
CREATE INDEX principal_listing ON principal (workspace_id, created_at_ms DESC, id DESC);

CREATE TABLE credential (
  id TEXT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL REFERENCES workspace (id),
  revision BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL,
  kind TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  name TEXT,
  key_prefix TEXT NOT NULL,
  state TEXT NOT NULL,
  state_reason TEXT,
  state_changed_at_ms BIGINT,
  not_before_ms BIGINT,
  expires_at_ms BIGINT,
  grants TEXT NOT NULL,
  conditions TEXT,
  limits TEXT NOT NULL,
  metadata TEXT NOT NULL,
  tags TEXT NOT NULL,
  issued_by TEXT,
  FOREIGN KEY (workspace_id, principal_id) REFERENCES principal (workspace_id, id)
);
CREATE INDEX credential_listing ON credential (workspace_id, created_at_ms DESC, id DESC);
CREATE INDEX credential_principal ON credential (workspace_id, principal_id, created_at_ms DESC, id DESC);
CREATE INDEX credential_expiry ON credential (expires_at_ms) WHERE expires_at_ms IS NOT NULL;

CREATE TABLE secret_versions (
  credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
  version BIGINT NOT NULL,
  sealed_digest TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  ends_at_ms BIGINT,
  revoked_at_ms BIGINT,
  PRIMARY KEY (credential_id, version)
) /* sqlite: WITHOUT ROWID */;

-- What a credential's lists hold, once more, for the filters. created_at_ms is the credential's own, so that
-- a filtered page is read straight off the index, in order, however many credentials there are.
CREATE TABLE credential_grants (
  workspace_id TEXT NOT NULL,
  credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
  api_id TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (credential_id, api_id),
  FOREIGN KEY (workspace_id, api_id) REFERENCES api (workspace_id, id)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX credential_grants_listing
  ON credential_grants (workspace_id, api_id, created_at_ms DESC, credential_id DESC);

CREATE TABLE credential_tags (
  workspace_id TEXT NOT NULL,
  credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
  tag TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (credential_id, tag)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX credential_tags_listing
  ON credential_tags (workspace_id, tag, created_at_ms DESC, credential_id DESC);

-- One row: the position of the newest change and the hash of the newest audit entry. Whoever writes takes the
-- next position from it as the last thing before the commit, so positions become visible in order.
CREATE TABLE feed (
  id BIGINT PRIMARY KEY NOT NULL CHECK (id = 1),
  position BIGINT NOT NULL,
  audit_hash TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;
INSERT INTO feed (id, position, audit_hash)
  VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE changes (
  position BIGINT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  touched TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;

-- No reference to workspace: the trail outlives what it is about.
CREATE TABLE audit (
  position BIGINT PRIMARY KEY NOT NULL,
  workspace_id TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  action TEXT NOT NULL,
  target_table TEXT NOT NULL,
  target_id TEXT NOT NULL,
  actor_credential_id TEXT,
  actor_principal_id TEXT,
  request_id TEXT,
  ip TEXT,
  detail TEXT NOT NULL,
  hash TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX audit_listing ON audit (workspace_id, position DESC);

CREATE TABLE idempotency (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  request_digest TEXT NOT NULL,
  target_table TEXT NOT NULL,
  target_id TEXT NOT NULL,
  status BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (scope, key)
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX idempotency_age ON idempotency (created_at_ms);

CREATE TABLE settings (
  name TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL
) /* sqlite: WITHOUT ROWID */;

CREATE TABLE credits (
  key TEXT PRIMARY KEY NOT NULL,
  spent BIGINT NOT NULL,
  since_ms BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
