-- oldest-compatible: 1
-- What the release before makes is bound to nothing, found by its id, and came from no other credential.
ALTER TABLE api ADD COLUMN requires_binding BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credential ADD COLUMN handle TEXT;
ALTER TABLE credential ADD COLUMN binding TEXT;
ALTER TABLE credential ADD COLUMN parent_id TEXT;
ALTER TABLE credential ADD COLUMN parent_version BIGINT;
-- What is revoked stays so, and gives its handle back.
CREATE UNIQUE INDEX credential_handle ON credential (workspace_id, kind, handle)
  WHERE handle IS NOT NULL AND state <> 'revoked';
CREATE INDEX credential_parent ON credential (workspace_id, parent_id, created_at_ms DESC, id DESC)
  WHERE parent_id IS NOT NULL;
