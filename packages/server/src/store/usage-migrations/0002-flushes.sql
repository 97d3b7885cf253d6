-- oldest-compatible: 1

-- What was counted already: a flush whose outcome was not known is repeated under its id.
CREATE TABLE flushes (
  id TEXT PRIMARY KEY NOT NULL,
  at_ms BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
CREATE INDEX flushes_age ON flushes (at_ms);
