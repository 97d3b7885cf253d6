-- oldest-compatible: 1

-- The processes that share a PostgreSQL, each with its last sign of life; with SQLite the table stays empty.
-- Such signs are worth nothing after a crash, so PostgreSQL may forget them in one.
CREATE /* postgres: UNLOGGED */ TABLE members (
  member_id TEXT PRIMARY KEY NOT NULL,
  node TEXT NOT NULL,
  worker BIGINT NOT NULL,
  version TEXT NOT NULL,
  started_at_ms BIGINT NOT NULL,
  position BIGINT NOT NULL,
  feed_lag_ms BIGINT,
  is_leader BIGINT NOT NULL,
  seen_at_ms BIGINT NOT NULL
) /* sqlite: WITHOUT ROWID */;
