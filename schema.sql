-- Vulcan's database, as a person reads it: sqlite3 var/vulcan.db
--
-- Times ending in _at are UTC text, RFC 3339 with milliseconds; _ms, _us and
-- _ns are integers of that unit; _bytes and _kib are sizes. Views at the end
-- (v_workloads, v_runs, v_phases, v_log) answer the usual questions.
--
-- PRAGMA user_version numbers this schema. A program refuses a file with a
-- higher number than it knows and brings older ones up by migrations.

PRAGMA application_id = 0x56554c43; -- 'VULC'
PRAGMA user_version = 1;

-- Who may use this installation.
CREATE TABLE users (
  id            INTEGER PRIMARY KEY,
  name          TEXT NOT NULL UNIQUE,
  password_hash TEXT,                     -- argon2id; NULL: no password
  is_admin      INTEGER NOT NULL DEFAULT 0 CHECK (is_admin IN (0, 1)),
  created_at    TEXT NOT NULL,
  disabled_at   TEXT
) STRICT;

-- Log-ins of browsers. token_hash is SHA-256 of the cookie.
CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  csrf       TEXT NOT NULL,               -- secret that form tokens come from
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- One-time log-in links; used once, then gone.
CREATE TABLE login_links (
  token_hash TEXT PRIMARY KEY,
  user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of programs. token_hash is SHA-256 of the key, shown once.
CREATE TABLE api_keys (
  id           INTEGER PRIMARY KEY,
  user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name         TEXT NOT NULL,
  prefix       TEXT NOT NULL,             -- first characters, to tell keys apart
  token_hash   TEXT NOT NULL UNIQUE,
  created_at   TEXT NOT NULL,
  revoked_at   TEXT
) STRICT;
CREATE INDEX api_keys_by_user ON api_keys (user_id);

-- What was asked, and how it stands. id is a ULID: it sorts by time. Columns
-- that may be long stand last, so that a list never reads past the short ones.
CREATE TABLE workloads (
  id                  TEXT NOT NULL PRIMARY KEY,
  user_id             INTEGER NOT NULL REFERENCES users (id),
  status              TEXT NOT NULL DEFAULT 'pending' CHECK (status IN
                        ('pending', 'running', 'completed', 'failed', 'killed')),
  reason              TEXT CHECK (reason IN
                        ('exit', 'signal', 'timeout', 'cpu', 'memory', 'output',
                         'disk', 'processes', 'compile', 'cancelled', 'platform')),
  isolation           TEXT NOT NULL CHECK (isolation IN
                        ('isolate', 'gvisor', 'microvm')),
  runtime             TEXT NOT NULL,
  priority            INTEGER NOT NULL DEFAULT 0,
  attempt             INTEGER NOT NULL DEFAULT 0,
  created_at          TEXT NOT NULL,
  started_at          TEXT,
  finished_at         TEXT,
  duration_ms         REAL,               -- from created to finished
  cancel_requested_at TEXT,
  isolation_requested TEXT NOT NULL,
  routing             TEXT NOT NULL,      -- why this tier, one sentence
  network             TEXT NOT NULL DEFAULT 'none',
  wall_ms             INTEGER NOT NULL,   -- the limits
  cpu_ms              INTEGER NOT NULL,
  memory_mib          INTEGER NOT NULL,
  vcpus               INTEGER NOT NULL,
  processes           INTEGER NOT NULL,
  disk_mib            INTEGER NOT NULL,
  output_bytes        INTEGER NOT NULL,
  input_hash          TEXT NOT NULL,      -- SHA-256 of all that a run is given
  code_hash           TEXT NOT NULL,      -- SHA-256 of runtime, files, entry point
  idempotency_key     TEXT,
  entrypoint          TEXT NOT NULL,      -- name of a row of workload_files
  image               TEXT,
  labels              TEXT NOT NULL DEFAULT '{}',  -- JSON object
  args                TEXT NOT NULL DEFAULT '[]',  -- JSON list
  env                 TEXT NOT NULL DEFAULT '{}',  -- JSON object
  input               TEXT,               -- JSON for the handler
  stdin               BLOB
) STRICT;
CREATE UNIQUE INDEX workloads_by_idempotency
  ON workloads (user_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX workloads_pending
  ON workloads (status, isolation, user_id, priority DESC, id)
  WHERE status = 'pending';
CREATE INDEX workloads_cancelling
  ON workloads (id) WHERE cancel_requested_at IS NOT NULL
    AND status IN ('pending', 'running');
CREATE INDEX workloads_by_status ON workloads (status, id);
CREATE INDEX workloads_by_isolation ON workloads (isolation, id);
CREATE INDEX workloads_by_runtime ON workloads (runtime, id);
CREATE INDEX workloads_by_user ON workloads (user_id, id);
CREATE INDEX workloads_by_reason ON workloads (reason, id) WHERE reason IS NOT NULL;

-- The one place where a status may change.
CREATE TRIGGER workloads_transition
BEFORE UPDATE OF status ON workloads
WHEN NOT (
  (OLD.status = 'pending' AND NEW.status IN ('running', 'killed', 'failed')) OR
  (OLD.status = 'running' AND
    NEW.status IN ('pending', 'completed', 'failed', 'killed')))
BEGIN
  SELECT RAISE(ABORT, 'illegal change of status');
END;

-- The program: one row a file. Large contents lie in STATE/blobs by sha256.
CREATE TABLE workload_files (
  workload_id TEXT NOT NULL REFERENCES workloads (id) ON DELETE CASCADE,
  position    INTEGER NOT NULL,
  name        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL,
  sha256      TEXT NOT NULL,
  content     BLOB,                       -- NULL: in STATE/blobs
  PRIMARY KEY (workload_id, position)
) STRICT;

-- One row for each time a workload was given to a sandbox. A claim writes
-- the row with a random token; every later write must carry the token.
CREATE TABLE runs (
  id               INTEGER PRIMARY KEY,
  workload_id      TEXT NOT NULL REFERENCES workloads (id) ON DELETE CASCADE,
  attempt          INTEGER NOT NULL,
  isolation        TEXT NOT NULL,
  node             TEXT NOT NULL,
  token            TEXT NOT NULL,
  lease_until_ms   INTEGER NOT NULL,      -- CLOCK_BOOTTIME of the node
  boot_id          TEXT NOT NULL,         -- of the node when it claimed
  status           TEXT NOT NULL DEFAULT 'running' CHECK (status IN
                     ('running', 'completed', 'failed', 'killed', 'lost')),
  reason           TEXT,
  engine           TEXT,
  sandbox          TEXT CHECK (sandbox IN ('cold', 'warm', 'restored')),
  exit_code        INTEGER,
  signal           TEXT,
  error            TEXT,                  -- one sentence
  error_detail     TEXT,                  -- stack, compiler messages
  output           TEXT,                  -- the handler's result, JSON
  limit_name       TEXT,
  limit_value      INTEGER,
  limit_setting    INTEGER,
  cpu_us           INTEGER,
  wall_us          INTEGER,
  memory_peak_kib  INTEGER,
  stdout_bytes     INTEGER NOT NULL DEFAULT 0,
  stderr_bytes     INTEGER NOT NULL DEFAULT 0,
  stdout_truncated INTEGER NOT NULL DEFAULT 0,
  stderr_truncated INTEGER NOT NULL DEFAULT 0,
  claimed_at       TEXT NOT NULL,
  started_at       TEXT,                  -- guest code ran from here
  finished_at      TEXT,
  UNIQUE (workload_id, attempt)
) STRICT;
CREATE INDEX runs_running ON runs (id) WHERE status = 'running';

-- Time of every phase of a run.
CREATE TABLE phases (
  run_id      INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  phase       TEXT NOT NULL,
  duration_ns INTEGER NOT NULL,
  PRIMARY KEY (run_id, phase)
) STRICT, WITHOUT ROWID;

-- What a run wrote, in order. t_ms counts from the start of the run.
CREATE TABLE log_chunks (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  seq    INTEGER NOT NULL,                -- from 1, without a gap
  stream TEXT NOT NULL CHECK (stream IN ('stdout', 'stderr', 'system')),
  t_ms   REAL NOT NULL,
  bytes  BLOB NOT NULL,
  PRIMARY KEY (run_id, seq)
) STRICT, WITHOUT ROWID;

-- vulcan-meta(5): facts about a run, keys with the unit in the name.
CREATE TABLE metadata (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  key    TEXT NOT NULL,
  value  TEXT NOT NULL,
  PRIMARY KEY (run_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
  run_id     INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  sha256     TEXT NOT NULL,               -- the content lies in STATE/blobs
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- One submission on several tiers.
CREATE TABLE comparisons (
  id         TEXT PRIMARY KEY,
  user_id    INTEGER NOT NULL REFERENCES users (id),
  created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE comparison_workloads (
  comparison_id TEXT NOT NULL REFERENCES comparisons (id) ON DELETE CASCADE,
  workload_id   TEXT NOT NULL REFERENCES workloads (id) ON DELETE CASCADE,
  PRIMARY KEY (comparison_id, workload_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE benchmarks (
  id          TEXT PRIMARY KEY,
  user_id     INTEGER NOT NULL REFERENCES users (id),
  created_at  TEXT NOT NULL,
  finished_at TEXT,
  request     TEXT NOT NULL,              -- JSON
  result      TEXT                        -- JSON
) STRICT, WITHOUT ROWID;

-- The latest probe of every tier on every node.
CREATE TABLE backends (
  node           TEXT NOT NULL,
  isolation      TEXT NOT NULL,
  usable         INTEGER NOT NULL CHECK (usable IN (0, 1)),
  engine         TEXT NOT NULL DEFAULT '',
  engine_version TEXT NOT NULL DEFAULT '',
  runtimes       TEXT NOT NULL DEFAULT '', -- words, separated by spaces
  reason         TEXT NOT NULL DEFAULT '', -- why it is not usable
  remedy         TEXT NOT NULL DEFAULT '',
  running_max    INTEGER NOT NULL DEFAULT 0,
  warm           INTEGER NOT NULL DEFAULT 0,
  probed_at      TEXT NOT NULL,
  PRIMARY KEY (node, isolation)
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes (
  name       TEXT PRIMARY KEY,
  boot_id    TEXT NOT NULL,
  version    TEXT NOT NULL,
  cpus       INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  seen_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who did what: log-ins, keys, cancels, recoveries.
CREATE TABLE events (
  id          INTEGER PRIMARY KEY,
  at          TEXT NOT NULL,
  user_id     INTEGER REFERENCES users (id),
  workload_id TEXT,
  what        TEXT NOT NULL,
  detail      TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX events_by_workload ON events (workload_id)
  WHERE workload_id IS NOT NULL;

-- How many workloads there are of each kind, kept by the triggers below so
-- that a page over a million rows counts none of them. user_id 0 stands for
-- all users together, reason '' for none.
CREATE TABLE workload_counts (
  user_id     INTEGER NOT NULL,
  status      TEXT NOT NULL,
  isolation   TEXT NOT NULL,
  runtime     TEXT NOT NULL,
  reason      TEXT NOT NULL,
  n           INTEGER NOT NULL,
  duration_ms REAL NOT NULL,              -- sum of workloads.duration_ms
  PRIMARY KEY (user_id, status, isolation, runtime, reason)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER workloads_count_insert AFTER INSERT ON workloads BEGIN
  INSERT INTO workload_counts VALUES
    (0, NEW.status, NEW.isolation, NEW.runtime, ifnull(NEW.reason, ''),
      1, ifnull(NEW.duration_ms, 0)),
    (NEW.user_id, NEW.status, NEW.isolation, NEW.runtime,
      ifnull(NEW.reason, ''), 1, ifnull(NEW.duration_ms, 0))
    ON CONFLICT DO UPDATE SET n = n + 1,
      duration_ms = duration_ms + excluded.duration_ms;
END;
CREATE TRIGGER workloads_count_delete AFTER DELETE ON workloads BEGIN
  UPDATE workload_counts
    SET n = n - 1, duration_ms = duration_ms - ifnull(OLD.duration_ms, 0)
    WHERE user_id IN (0, OLD.user_id) AND status = OLD.status
      AND isolation = OLD.isolation AND runtime = OLD.runtime
      AND reason = ifnull(OLD.reason, '');
END;
CREATE TRIGGER workloads_count_update AFTER UPDATE OF status ON workloads
WHEN OLD.status <> NEW.status BEGIN
  UPDATE workload_counts
    SET n = n - 1, duration_ms = duration_ms - ifnull(OLD.duration_ms, 0)
    WHERE user_id IN (0, OLD.user_id) AND status = OLD.status
      AND isolation = OLD.isolation AND runtime = OLD.runtime
      AND reason = ifnull(OLD.reason, '');
  INSERT INTO workload_counts VALUES
    (0, NEW.status, NEW.isolation, NEW.runtime, ifnull(NEW.reason, ''),
      1, ifnull(NEW.duration_ms, 0)),
    (NEW.user_id, NEW.status, NEW.isolation, NEW.runtime,
      ifnull(NEW.reason, ''), 1, ifnull(NEW.duration_ms, 0))
    ON CONFLICT DO UPDATE SET n = n + 1,
      duration_ms = duration_ms + excluded.duration_ms;
END;

-- The newest run of every workload, beside what was asked.
CREATE VIEW v_workloads AS
SELECT w.id, w.status, w.reason, u.name AS user, w.runtime,
       w.isolation_requested, w.isolation, w.routing, r.engine, r.sandbox,
       r.exit_code, r.signal, r.error, r.output,
       (SELECT CAST(f.content AS TEXT) FROM workload_files f
         WHERE f.workload_id = w.id AND f.name = w.entrypoint) AS code,
       (SELECT group_concat(CAST(c.bytes AS TEXT), '') FROM
         (SELECT bytes FROM log_chunks WHERE run_id = r.id
           AND stream = 'stdout' ORDER BY seq) c) AS stdout,
       (SELECT group_concat(CAST(c.bytes AS TEXT), '') FROM
         (SELECT bytes FROM log_chunks WHERE run_id = r.id
           AND stream = 'stderr' ORDER BY seq) c) AS stderr,
       r.cpu_us / 1000.0 AS cpu_ms_used, r.memory_peak_kib,
       w.created_at, w.started_at, w.finished_at, w.duration_ms
FROM workloads w
JOIN users u ON u.id = w.user_id
LEFT JOIN runs r ON r.workload_id = w.id AND r.attempt = w.attempt;

CREATE VIEW v_runs AS
SELECT r.workload_id, r.attempt, r.isolation, r.engine, r.sandbox, r.status,
       r.reason, r.exit_code, r.signal, r.error, r.node,
       r.cpu_us / 1000.0 AS cpu_ms, r.wall_us / 1000.0 AS wall_ms,
       r.memory_peak_kib, r.claimed_at, r.started_at, r.finished_at
FROM runs r;

CREATE VIEW v_phases AS
SELECT r.workload_id, r.attempt, r.isolation, p.phase,
       p.duration_ns / 1e6 AS duration_ms
FROM phases p JOIN runs r ON r.id = p.run_id;

CREATE VIEW v_log AS
SELECT r.workload_id, r.attempt, c.seq, c.stream, c.t_ms,
       CAST(c.bytes AS TEXT) AS text
FROM log_chunks c JOIN runs r ON r.id = c.run_id;
