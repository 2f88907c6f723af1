"""Finished workloads by the million, written straight into a database."""
import sqlite3

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FIRST_MS = 1767225600000  # 2026-01-01


def ulid(ms, number):
    value = ms << 80 | (number * 0x9E3779B97F4A7C15 & (1 << 80) - 1)
    return "".join(ALPHABET[value >> 5 * i & 31] for i in range(25, -1, -1))


def rows(count):
    for n in range(count):
        yield n, ulid(FIRST_MS + n * 20, n)


TABLES = """
CREATE TEMP TABLE made (n INTEGER PRIMARY KEY, id TEXT NOT NULL);
"""
FILL = """
INSERT INTO workloads (id, user_id, status, reason, isolation_requested,
    isolation, routing, runtime, entrypoint, labels, wall_ms, cpu_ms,
    memory_mib, vcpus, processes, disk_mib, output_bytes, input_hash,
    code_hash, attempt, created_at, started_at, finished_at, duration_ms)
  SELECT id, 1, CASE WHEN n % 10 THEN 'completed' ELSE 'failed' END,
    CASE WHEN n % 10 THEN NULL ELSE 'exit' END, 'auto', 'isolate',
    'JavaScript runs in an isolate', CASE WHEN n % 3 THEN 'javascript'
    ELSE 'typescript' END, 'index.js', '{"part":"<' || n || '>"}', 10000,
    10000, 128, 1, 64, 64, 1048576, hex(n), hex(n), 1,
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + n * 0.02, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + n * 0.02, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600.003 + n * 0.02, 'unixepoch'),
    3.25
  FROM temp.made ORDER BY n;
INSERT INTO runs (workload_id, attempt, isolation, node, token,
    lease_until_ms, boot_id, status, reason, engine, sandbox, exit_code,
    cpu_us, wall_us, memory_peak_kib, claimed_at, started_at, finished_at)
  SELECT id, 1, 'isolate', 'here', hex(n), 0, '', CASE WHEN n % 10 THEN
    'completed' ELSE 'failed' END, CASE WHEN n % 10 THEN NULL ELSE 'exit' END,
    'v8', 'warm', CASE WHEN n % 10 THEN 0 ELSE 1 END, 1200, 1500, 9000,
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + n * 0.02, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600 + n * 0.02, 'unixepoch'),
    strftime('%Y-%m-%dT%H:%M:%fZ', 1767225600.003 + n * 0.02, 'unixepoch')
  FROM temp.made ORDER BY n;
INSERT INTO workload_files (workload_id, position, name, size_bytes, sha256,
    content)
  SELECT id, 0, 'index.js', 18, '', CAST('console.log(1 + 1)' AS BLOB)
  FROM temp.made ORDER BY n;
"""


def fill(path, count):
    """The database must not be in use."""
    with sqlite3.connect(path) as db:
        db.executescript(
            "PRAGMA synchronous=OFF; PRAGMA cache_size=-262144;" + TABLES)
        db.executemany("INSERT INTO temp.made VALUES (?, ?)", rows(count))
        db.executescript("BEGIN;" + FILL + "COMMIT; ANALYZE;"
                         "PRAGMA wal_checkpoint(TRUNCATE);")
    db.close()
