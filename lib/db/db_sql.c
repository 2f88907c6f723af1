/* The named statements, each with the roles that may hold it. */
#include <stddef.h>

#include "db_sql.h"
#include "poison.h"

#define ANY (SQL_WEB | SQL_QUEUE | SQL_ADMIN)
#define PEOPLE (SQL_WEB | SQL_ADMIN)

/* What row_workload() reads, in its order; `long` ones are left out of lists.
 */
#define RECORD_SHORT \
	"w.id, w.user_id, u.name, w.status, w.reason, w.isolation_requested, " \
	"w.isolation, w.routing, w.runtime, w.image, w.entrypoint, w.labels, " \
	"w.network, w.priority, w.wall_ms, w.cpu_ms, w.memory_mib, w.vcpus, " \
	"w.processes, w.disk_mib, w.output_bytes, w.input_hash, w.attempt, " \
	"w.cancel_requested_at, w.created_at, w.started_at, w.finished_at, " \
	"w.duration_ms, r.id, r.node, r.engine, r.sandbox, r.exit_code, " \
	"r.signal, r.error, r.limit_name, r.limit_value, r.limit_setting, " \
	"r.cpu_us, r.wall_us, r.memory_peak_kib, r.stdout_bytes, " \
	"r.stderr_bytes, r.stdout_truncated, r.stderr_truncated"
#define RECORD_LONG \
	", w.args, w.env, w.input, w.stdin, r.error_detail, r.output"
#define RECORD_JOINS \
	" JOIN users u ON u.id = w.user_id" \
	" LEFT JOIN runs r ON r.workload_id = w.id AND r.attempt = w.attempt"

/*
 * Filters of a list. ?1 is what the driving index is asked for; NULL in one
 * of the others means: not wanted. ?2 <= id < ?3 bounds the page.
 */
#define WITHIN " w.id >= ?2 AND w.id < ?3"
#define WANTED \
	" AND (?4 IS NULL OR w.user_id = ?4)" \
	" AND (?5 IS NULL OR w.status = ?5)" \
	" AND (?6 IS NULL OR w.reason = ?6)" \
	" AND (?7 IS NULL OR w.isolation = ?7)" \
	" AND (?8 IS NULL OR w.runtime = ?8)" \
	" AND (?9 IS NULL OR EXISTS (SELECT 1 FROM json_each(w.labels) l" \
	"   WHERE l.key = ?9 AND (?10 IS NULL OR CAST(l.value AS TEXT) = " \
	"?10)))" \
	" AND (?11 IS NULL OR instr(lower(w.id || char(10) || w.entrypoint" \
	"   || char(10) || ifnull(w.image, '') || char(10) || w.labels)," \
	"   lower(?11)) > 0)"

#define BY_ALL "+?1 IS NULL AND"
#define BY_USER "w.user_id = ?1 AND"
#define BY_STATUS "w.status = ?1 AND"
#define BY_REASON "w.reason = ?1 AND"
#define BY_ISOLATION "w.isolation = ?1 AND"
#define BY_RUNTIME "w.runtime = ?1 AND"
#define IX_ALL "sqlite_autoindex_workloads_1"
#define IX_USER "workloads_by_user"
#define IX_STATUS "workloads_by_status"
#define IX_REASON "workloads_by_reason"
#define IX_ISOLATION "workloads_by_isolation"
#define IX_RUNTIME "workloads_by_runtime"

#define LIST(x, order) \
	"SELECT " RECORD_SHORT \
	" FROM workloads w INDEXED BY " IX_##x RECORD_JOINS \
		" WHERE " BY_##x WITHIN WANTED " ORDER BY w.id" order \
					       " LIMIT ?12"
#define SKIP(x, order) \
	"SELECT w.id FROM workloads w INDEXED BY " IX_##x \
		" WHERE " BY_##x WITHIN " ORDER BY w.id" order \
					" LIMIT 1 OFFSET ?4"
#define COUNT(x) \
	"SELECT count(*) FROM workloads w INDEXED BY " IX_##x \
		" WHERE " BY_##x WITHIN WANTED
#define PAGES(x) \
	[SQL_LIST_##x] = {LIST(x, " DESC"), SQL_WEB}, \
	[SQL_LIST_##x##_UP] = {LIST(x, ""), SQL_WEB}, \
	[SQL_SKIP_##x] = {SKIP(x, " DESC"), SQL_WEB}, \
	[SQL_SKIP_##x##_UP] = {SKIP(x, ""), SQL_WEB}, \
	[SQL_COUNT_##x] = {COUNT(x), SQL_WEB}

/* The newest run of workload ?1. */
#define NEWEST_RUN \
	"(SELECT r.id FROM workloads w JOIN runs r ON r.workload_id = w.id" \
	" AND r.attempt = w.attempt WHERE w.id = ?1)"

#define PERSON \
	"u.id, u.name, u.password_hash, u.is_admin, u.created_at, " \
	"u.disabled_at"

const struct sql_statement sql_statements[] = {
	[SQL_BEGIN] = {"BEGIN IMMEDIATE", ANY},
	[SQL_COMMIT] = {"COMMIT", ANY},
	[SQL_ROLLBACK] = {"ROLLBACK", ANY},

	[SQL_SUBMIT] =
		{"INSERT INTO workloads (id, user_id, isolation,"
		 " isolation_requested, routing, runtime, image, entrypoint,"
		 " args, env, input, stdin, labels, network, priority, wall_ms,"
		 " cpu_ms, memory_mib, vcpus, processes, disk_mib,"
		 " output_bytes, input_hash, code_hash, idempotency_key,"
		 " created_at)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		 " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,"
		 " ?25, ?26)",
			SQL_WEB},
	[SQL_SUBMIT_FILE] = {"INSERT INTO workload_files (workload_id,"
			     " position, name, size_bytes, sha256, content)"
			     " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		SQL_WEB},
	[SQL_SUBMITTED] = {"SELECT id, input_hash FROM workloads"
			   " WHERE user_id = ?1 AND idempotency_key = ?2",
		SQL_WEB},
	[SQL_PENDING_COUNT] = {"SELECT ifnull(sum(n), 0) FROM workload_counts"
			       " WHERE user_id = 0 AND status = 'pending'",
		SQL_WEB},
	[SQL_GET] = {"SELECT " RECORD_SHORT RECORD_LONG
		     " FROM workloads w" RECORD_JOINS " WHERE w.id = ?1"
		     " AND (?2 = 0 OR w.user_id = ?2)",
		SQL_WEB},
	[SQL_FILES] = {"SELECT name, size_bytes, sha256, content"
		       " FROM workload_files WHERE workload_id = ?1"
		       " ORDER BY position",
		SQL_WEB | SQL_QUEUE},
	[SQL_LOG] = {"SELECT seq, stream, t_ms, bytes FROM log_chunks"
		     " WHERE run_id = " NEWEST_RUN " AND seq > ?2"
		     " ORDER BY seq LIMIT ?3",
		SQL_WEB},
	[SQL_LOG_STREAM] = {"SELECT seq, stream, t_ms, bytes FROM log_chunks"
			    " WHERE run_id = " NEWEST_RUN
			    " AND seq > ?2 AND stream = ?4"
			    " ORDER BY seq LIMIT ?3",
		SQL_WEB},
	[SQL_PHASES] = {"SELECT phase, duration_ns FROM phases"
			" WHERE run_id = " NEWEST_RUN,
		SQL_WEB},
	[SQL_METADATA] = {"SELECT key, value FROM metadata"
			  " WHERE run_id = " NEWEST_RUN " ORDER BY key",
		SQL_WEB},
	[SQL_ARTIFACTS] = {"SELECT name, size_bytes, sha256 FROM artifacts"
			   " WHERE run_id = " NEWEST_RUN " ORDER BY name",
		SQL_WEB},
	[SQL_POSITION] =
		{"SELECT 1 + (SELECT count(*) FROM workloads p INDEXED BY "
		 "workloads_pending"
		 " WHERE p.status = 'pending' AND p.isolation = w.isolation"
		 " AND p.id < w.id)"
		 " FROM workloads w WHERE w.id = ?1 AND w.status = 'pending'",
			SQL_WEB},
	[SQL_STATUS] = {"SELECT status, user_id FROM workloads WHERE id = ?1",
		SQL_WEB | SQL_QUEUE},
	[SQL_CANCEL] = {"UPDATE workloads SET cancel_requested_at = ?2"
			" WHERE id = ?1 AND cancel_requested_at IS NULL",
		SQL_WEB},
	[SQL_COUNTS] = {"SELECT status, reason, isolation, runtime, n,"
			" duration_ms FROM workload_counts"
			" WHERE user_id = ?1 AND n > 0",
		SQL_WEB},

	PAGES(ALL),
	PAGES(USER),
	PAGES(STATUS),
	PAGES(REASON),
	PAGES(ISOLATION),
	PAGES(RUNTIME),
	[SQL_COUNTED] = {"SELECT ifnull(sum(n), 0) FROM workload_counts"
			 " WHERE user_id = ?1 AND (?2 IS NULL OR status = ?2)"
			 " AND (?3 IS NULL OR reason = ?3)"
			 " AND (?4 IS NULL OR isolation = ?4)"
			 " AND (?5 IS NULL OR runtime = ?5)",
		SQL_WEB},

	[SQL_BACKEND_PUT] =
		{"INSERT INTO backends (node, isolation, usable,"
		 " engine, engine_version, runtimes, reason, remedy,"
		 " running_max, warm, probed_at)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
		 " ON CONFLICT DO UPDATE SET usable = excluded.usable,"
		 " engine = excluded.engine,"
		 " engine_version = excluded.engine_version,"
		 " runtimes = excluded.runtimes, reason = excluded.reason,"
		 " remedy = excluded.remedy,"
		 " running_max = excluded.running_max, warm = excluded.warm,"
		 " probed_at = excluded.probed_at",
			SQL_QUEUE},
	[SQL_BACKENDS] =
		{"SELECT node, isolation, usable, engine,"
		 " engine_version, runtimes, reason, remedy, running_max, warm,"
		 " probed_at FROM backends ORDER BY node, isolation",
			ANY},
	[SQL_NODE_PUT] =
		{"INSERT INTO nodes (name, boot_id, version, cpus,"
		 " memory_mib, started_at, seen_at)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
		 " ON CONFLICT DO UPDATE SET boot_id = excluded.boot_id,"
		 " version = excluded.version, cpus = excluded.cpus,"
		 " memory_mib = excluded.memory_mib,"
		 " started_at = CASE WHEN ?7 THEN excluded.started_at"
		 "   ELSE started_at END,"
		 " seen_at = excluded.seen_at",
			SQL_QUEUE},
	[SQL_NODES] = {"SELECT name, boot_id, version, cpus, memory_mib,"
		       " started_at, seen_at FROM nodes ORDER BY name",
		SQL_WEB},

	[SQL_USER_ADD] = {"INSERT INTO users (name, password_hash, is_admin,"
			  " created_at) VALUES (?1, ?2, ?3, ?4)"
			  " ON CONFLICT DO NOTHING RETURNING id",
		SQL_ADMIN},
	[SQL_USER_PASSWORD] = {"UPDATE users SET password_hash = ?2"
			       " WHERE id = ?1",
		PEOPLE},
	[SQL_USER_BY_NAME] = {"SELECT " PERSON
			      " FROM users u WHERE u.name = ?1",
		PEOPLE},
	[SQL_USERS] = {"SELECT " PERSON " FROM users u ORDER BY u.id", PEOPLE},
	[SQL_SESSION_ADD] =
		{"INSERT INTO sessions (token_hash, user_id, csrf,"
		 " created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
			SQL_WEB},
	[SQL_SESSION_FIND] =
		{"SELECT s.token_hash, s.user_id, u.name,"
		 " u.is_admin, s.csrf, s.created_at, s.expires_at"
		 " FROM sessions s JOIN users u ON u.id = s.user_id"
		 " WHERE s.token_hash = ?1 AND s.expires_at > ?2"
		 " AND u.disabled_at IS NULL",
			SQL_WEB},
	[SQL_SESSION_DELETE] = {"DELETE FROM sessions WHERE token_hash = ?1",
		SQL_WEB},
	[SQL_SESSION_EXPIRE] = {"DELETE FROM sessions WHERE expires_at <= ?1",
		PEOPLE},
	[SQL_LINK_EXPIRE] = {"DELETE FROM login_links WHERE expires_at <= ?1",
		PEOPLE},
	[SQL_LINK_ADD] = {"INSERT INTO login_links (token_hash, user_id,"
			  " expires_at) VALUES (?1, ?2, ?3)",
		SQL_ADMIN},
	[SQL_LINK_CONSUME] = {"DELETE FROM login_links WHERE token_hash = ?1"
			      " RETURNING user_id, expires_at > ?2",
		SQL_WEB},
	[SQL_KEY_ADD] = {"INSERT INTO api_keys (user_id, name, prefix,"
			 " token_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)"
			 " RETURNING id",
		PEOPLE},
	[SQL_KEY_FIND] = {"SELECT " PERSON " FROM api_keys k"
			  " JOIN users u ON u.id = k.user_id"
			  " WHERE k.token_hash = ?1 AND k.revoked_at IS NULL"
			  " AND u.disabled_at IS NULL",
		SQL_WEB},
	[SQL_KEYS] = {"SELECT k.id, k.user_id, u.name, k.name, k.prefix,"
		      " k.created_at, k.revoked_at FROM api_keys k"
		      " JOIN users u ON u.id = k.user_id"
		      " WHERE ?1 = 0 OR k.user_id = ?1 ORDER BY k.id",
		PEOPLE},
	[SQL_KEY_REVOKE] = {"UPDATE api_keys"
			    " SET revoked_at = ifnull(revoked_at, ?3)"
			    " WHERE id = ?1 AND (?2 = 0 OR user_id = ?2)",
		PEOPLE},

	[SQL_EVENT_ADD] = {"INSERT INTO events (at, user_id, workload_id, what,"
			   " detail) VALUES (?1, ?2, ?3, ?4, ?5)",
		ANY},

	[SQL_POLL] = {"SELECT isolation, sum(n) FROM workload_counts"
		      " WHERE user_id = 0 AND status = 'pending'"
		      " GROUP BY isolation",
		SQL_QUEUE},
	[SQL_POLL_CANCELLING] = {"SELECT EXISTS (SELECT 1 FROM workloads"
				 " INDEXED BY workloads_cancelling"
				 " WHERE cancel_requested_at IS NOT NULL"
				 " AND status IN ('pending', 'running'))",
		SQL_QUEUE},
	/* A loose index scan: one step a user, however long the lines are. */
	[SQL_PENDING_USERS] =
		{"WITH RECURSIVE u (id) AS ("
		 " SELECT min(user_id) FROM workloads INDEXED BY "
		 "workloads_pending"
		 "   WHERE status = 'pending' AND isolation = ?1"
		 "   AND user_id > ?2"
		 " UNION ALL SELECT (SELECT min(user_id) FROM workloads "
		 "INDEXED BY workloads_pending"
		 "   WHERE status = 'pending' AND isolation = ?1"
		 "   AND user_id > u.id) FROM u WHERE u.id IS NOT NULL)"
		 " SELECT id FROM u WHERE id IS NOT NULL",
			SQL_QUEUE},
	[SQL_PENDING_OF_USER] =
		{"SELECT id, user_id, runtime, priority,"
		 " attempt, cancel_requested_at IS NOT NULL FROM workloads "
		 "INDEXED BY workloads_pending"
		 " WHERE status = 'pending' AND isolation = ?1 AND user_id = ?2"
		 " ORDER BY priority DESC, id LIMIT ?3",
			SQL_QUEUE},
	[SQL_CLAIM] =
		{"UPDATE workloads SET status = 'running',"
		 " attempt = attempt + 1 WHERE id = ?1 AND status = 'pending'"
		 " AND cancel_requested_at IS NULL"
		 " RETURNING attempt, isolation",
			SQL_QUEUE},
	[SQL_CLAIM_RUN] =
		{"INSERT INTO runs (workload_id, attempt, isolation,"
		 " node, token, lease_until_ms, boot_id, claimed_at)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
			SQL_QUEUE},
	[SQL_SPEC] = {"SELECT id, user_id, isolation, runtime, image,"
		      " entrypoint, args, env, input, stdin, network, wall_ms,"
		      " cpu_ms, memory_mib, vcpus, processes, disk_mib,"
		      " output_bytes, code_hash, attempt FROM workloads"
		      " WHERE id = ?1",
		SQL_QUEUE},
	[SQL_RUN_STARTED] = {"UPDATE runs SET started_at = ?3 WHERE id = ?1"
			     " AND token = ?2 AND status = 'running'"
			     " RETURNING workload_id",
		SQL_QUEUE},
	[SQL_WORKLOAD_STARTED] = {"UPDATE workloads SET started_at = ?2"
				  " WHERE id = ?1",
		SQL_QUEUE},
	[SQL_RUN_RENEW] = {"UPDATE runs SET lease_until_ms = ?3 WHERE id = ?1"
			   " AND token = ?2 AND status = 'running'",
		SQL_QUEUE},
	[SQL_LOG_APPEND] =
		{"INSERT INTO log_chunks (run_id, seq, stream, t_ms,"
		 " bytes) SELECT id, ?3, ?4, ?5, ?6 FROM runs WHERE id = ?1"
		 " AND token = ?2 AND status = 'running'",
			SQL_QUEUE},
	[SQL_RUN_FINISH] =
		{"UPDATE runs SET status = ?3, reason = ?4,"
		 " engine = ?5, sandbox = ?6, exit_code = ?7, signal = ?8,"
		 " error = ?9, error_detail = ?10, output = ?11,"
		 " limit_name = ?12, limit_value = ?13, limit_setting = ?14,"
		 " cpu_us = ?15, wall_us = ?16, memory_peak_kib = ?17,"
		 " stdout_bytes = ?18, stderr_bytes = ?19,"
		 " stdout_truncated = ?20, stderr_truncated = ?21,"
		 " finished_at = ?22 WHERE id = ?1 AND token = ?2"
		 " AND status = 'running' RETURNING workload_id",
			SQL_QUEUE},
	[SQL_WORKLOAD_FINISH] =
		{"UPDATE workloads SET status = ?2,"
		 " reason = ?3, finished_at = ?4, duration_ms ="
		 " round((julianday(?4) - julianday(created_at)) * 86400000.0)"
		 " WHERE id = ?1",
			SQL_QUEUE},
	[SQL_PHASE_ADD] = {"INSERT INTO phases (run_id, phase, duration_ns)"
			   " VALUES (?1, ?2, ?3)",
		SQL_QUEUE},
	[SQL_METADATA_ADD] = {"INSERT INTO metadata (run_id, key, value)"
			      " VALUES (?1, ?2, ?3)",
		SQL_QUEUE},
	[SQL_RUN_LOST] = {"UPDATE runs SET status = 'lost',"
			  " reason = 'platform', error = ?3, finished_at = ?4"
			  " WHERE id = ?1 AND token = ?2 AND status = 'running'"
			  " RETURNING workload_id",
		SQL_QUEUE},
	[SQL_WORKLOAD_GIVE_BACK] = {"UPDATE workloads SET status = 'pending',"
				    " started_at = NULL WHERE id = ?1",
		SQL_QUEUE},
	[SQL_LEASES] =
		{"SELECT r.id, r.workload_id, r.token,"
		 " r.boot_id, r.lease_until_ms, r.attempt,"
		 " r.started_at IS NOT NULL, w.cancel_requested_at IS NOT NULL"
		 " FROM runs r JOIN workloads w ON w.id = r.workload_id"
		 " WHERE r.status = 'running' ORDER BY r.id",
			SQL_QUEUE},
	[SQL_CANCELLING] =
		{"SELECT w.id, w.status, ifnull(r.id, 0)"
		 " FROM workloads w INDEXED BY workloads_cancelling"
		 " LEFT JOIN runs r ON r.workload_id = w.id"
		 "   AND r.attempt = w.attempt AND r.status = 'running'"
		 " WHERE w.cancel_requested_at IS NOT NULL"
		 " AND w.status IN ('pending', 'running') ORDER BY w.id",
			SQL_QUEUE},
	[SQL_PENDING_SETTLE] =
		{"UPDATE workloads SET status = ?2,"
		 " reason = ?3, finished_at = ?4, duration_ms ="
		 " round((julianday(?4) - julianday(created_at)) * 86400000.0)"
		 " WHERE id = ?1 AND status = 'pending'",
			SQL_QUEUE},
};
_Static_assert(sizeof(sql_statements) / sizeof(sql_statements[0]) == SQL_NAMES,
	"a text for every statement");
