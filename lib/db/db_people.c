/* Users, sessions, login links, API keys; events; backends and nodes. */
#include <errno.h>

#include "db_int.h"
#include "poison.h"

static int
put_user(struct db *db, const char *name, const char *password_hash,
	bool is_admin, int64_t *ret_id, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_USER_ADD);
	bind_text(&q, 1, name);
	bind_text(&q, 2, password_hash);
	bind_i64(&q, 3, is_admin);
	bind_text(&q, 4, now.text);
	int r = query_step(&q, e);
	if (r == -1)
		return -1;
	if (r == 0)
		return verr_set(e, VERR_INPUT, EEXIST,
			"user '%.64s': choose another name", name);
	int64_t id = col_i64(&q, 0);
	if (query_step(&q, e) == -1)
		return -1;
	*ret_id = id;
	return 0;
}

int
db_user_add(struct db *db, const char *name, const char *password_hash,
	bool is_admin, int64_t *ret_id, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true,
		put_user(db, name, password_hash, is_admin, ret_id, e), e);
}

static int
set_password(struct db *db, int64_t user_id, const char *password_hash,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_USER_PASSWORD);
	bind_i64(&q, 1, user_id);
	bind_text(&q, 2, password_hash);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}

int
db_user_password(struct db *db, int64_t user_id, const char *password_hash,
	struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(
		db, own, true, set_password(db, user_id, password_hash, e), e);
}

/* Gives the present row of a statement whose columns are USER. */
static int
give_user(const struct query *q, db_user_cb *cb, void *arg, struct verr *e)
{
	struct db_user u = {.id = col_i64(q, 0),
		.name = col_text(q, 1),
		.password_hash = col_text(q, 2),
		.is_admin = col_i64(q, 3) != 0,
		.created_at = col_text(q, 4),
		.disabled_at = col_text(q, 5)};
	return cb(arg, &u, e);
}

static int
one_user(struct query *q, db_user_cb *cb, void *arg, struct verr *e)
{
	int r = query_step(q, e);
	if (r != 1)
		return r;
	return give_user(q, cb, arg, e) == -1 ? -1 : 1;
}

int
db_user_by_name(struct db *db, const char *name, db_user_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_USER_BY_NAME);
	bind_text(&q, 1, name);
	return one_user(&q, cb, arg, e);
}

int
db_user_each(struct db *db, db_user_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_USERS);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1)
		r = give_user(&q, cb, arg, e);
	return r == -1 ? -1 : 0;
}

int
db_session_add(struct db *db, const char *token_hash, int64_t user_id,
	const char *csrf, int64_t expires_wall_ms, struct verr *e)
{
	struct now now = now_text();
	char expires[VTIME_TEXT_BYTES];
	vtime_text(expires_wall_ms, expires);
	struct query v_autoquery q = query_start(db, SQL_SESSION_ADD);
	bind_text(&q, 1, token_hash);
	bind_i64(&q, 2, user_id);
	bind_text(&q, 3, csrf);
	bind_text(&q, 4, now.text);
	bind_text(&q, 5, expires);
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
db_session_find(struct db *db, const char *token_hash, db_session_cb *cb,
	void *arg, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_SESSION_FIND);
	bind_text(&q, 1, token_hash);
	bind_text(&q, 2, now.text);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	struct db_session s = {.token_hash = col_text(&q, 0),
		.user_id = col_i64(&q, 1),
		.user = col_text(&q, 2),
		.is_admin = col_i64(&q, 3) != 0,
		.csrf = col_text(&q, 4),
		.created_at = col_text(&q, 5),
		.expires_at = col_text(&q, 6)};
	return cb(arg, &s, e) == -1 ? -1 : 1;
}

int
db_session_delete(struct db *db, const char *token_hash, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_SESSION_DELETE);
	bind_text(&q, 1, token_hash);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}

int
db_session_expire(struct db *db, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery s = query_start(db, SQL_SESSION_EXPIRE);
	bind_text(&s, 1, now.text);
	if (query_run(&s, e) == -1)
		return -1;
	struct query v_autoquery l = query_start(db, SQL_LINK_EXPIRE);
	bind_text(&l, 1, now.text);
	return query_run(&l, e) == -1 ? -1 : 0;
}

static int
put_link(struct db *db, const char *token_hash, int64_t user_id,
	int64_t expires_wall_ms, struct verr *e)
{
	char expires[VTIME_TEXT_BYTES];
	vtime_text(expires_wall_ms, expires);
	struct query v_autoquery q = query_start(db, SQL_LINK_ADD);
	bind_text(&q, 1, token_hash);
	bind_i64(&q, 2, user_id);
	bind_text(&q, 3, expires);
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
db_link_add(struct db *db, const char *token_hash, int64_t user_id,
	int64_t expires_wall_ms, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true,
		put_link(db, token_hash, user_id, expires_wall_ms, e), e);
}

/* The row goes and its answer comes in one statement: nobody uses it twice. */
static int
take_link(struct db *db, const char *token_hash, int64_t *ret_user_id,
	struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_LINK_CONSUME);
	bind_text(&q, 1, token_hash);
	bind_text(&q, 2, now.text);
	int r = query_step(&q, e);
	if (r != 1)
		return r;
	int64_t user_id = col_i64(&q, 0);
	bool in_time = col_i64(&q, 1) != 0;
	if (query_step(&q, e) == -1)
		return -1;
	if (in_time)
		*ret_user_id = user_id;
	return in_time ? 1 : 0;
}

int
db_link_consume(struct db *db, const char *token_hash, int64_t *ret_user_id,
	struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(
		db, own, true, take_link(db, token_hash, ret_user_id, e), e);
}

static int
put_key(struct db *db, int64_t user_id, const char *name, const char *prefix,
	const char *token_hash, int64_t *ret_id, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_KEY_ADD);
	bind_i64(&q, 1, user_id);
	bind_text(&q, 2, name);
	bind_text(&q, 3, prefix);
	bind_text(&q, 4, token_hash);
	bind_text(&q, 5, now.text);
	if (query_step(&q, e) == -1)
		return -1;
	int64_t id = col_i64(&q, 0);
	if (query_step(&q, e) == -1)
		return -1;
	*ret_id = id;
	return 0;
}

int
db_key_add(struct db *db, int64_t user_id, const char *name, const char *prefix,
	const char *token_hash, int64_t *ret_id, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true,
		put_key(db, user_id, name, prefix, token_hash, ret_id, e), e);
}

int
db_key_find(struct db *db, const char *token_hash, db_user_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_KEY_FIND);
	bind_text(&q, 1, token_hash);
	return one_user(&q, cb, arg, e);
}

int
db_key_each(struct db *db, int64_t user_id, db_key_cb *cb, void *arg,
	struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_KEYS);
	bind_i64(&q, 1, user_id);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_key k = {.id = col_i64(&q, 0),
			.user_id = col_i64(&q, 1),
			.user = col_text(&q, 2),
			.name = col_text(&q, 3),
			.prefix = col_text(&q, 4),
			.created_at = col_text(&q, 5),
			.revoked_at = col_text(&q, 6)};
		r = cb(arg, &k, e);
	}
	return r == -1 ? -1 : 0;
}

static int
revoke(struct db *db, int64_t key_id, int64_t user_id, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_KEY_REVOKE);
	bind_i64(&q, 1, key_id);
	bind_i64(&q, 2, user_id);
	bind_text(&q, 3, now.text);
	int n = query_run(&q, e);
	return n == -1 ? -1 : n > 0;
}

int
db_key_revoke(struct db *db, int64_t key_id, int64_t user_id, struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	return own_end(db, own, true, revoke(db, key_id, user_id, e), e);
}

int
db_event_add(struct db *db, const struct db_event *event, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_EVENT_ADD);
	bind_text(&q, 1, now.text);
	if (event->user_id != 0)
		bind_i64(&q, 2, event->user_id);
	bind_text(&q, 3, event->workload_id);
	bind_text(&q, 4, event->what);
	bind_text(&q, 5, event->detail != NULL ? event->detail : "");
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
db_backend_put(struct db *db, const struct db_backend *b, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_BACKEND_PUT);
	bind_text(&q, 1, b->node);
	bind_text(&q, 2, tier_text(b->isolation));
	bind_i64(&q, 3, b->usable);
	bind_text(&q, 4, b->engine);
	bind_text(&q, 5, b->engine_version);
	bind_text(&q, 6, b->runtimes);
	bind_text(&q, 7, b->reason);
	bind_text(&q, 8, b->remedy);
	bind_i64(&q, 9, b->running_max);
	bind_i64(&q, 10, b->warm);
	bind_text(&q, 11, now.text);
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
db_backend_each(struct db *db, db_backend_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_BACKENDS);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_backend b = {.node = col_text(&q, 0),
			.usable = col_i64(&q, 2) != 0,
			.engine = col_text(&q, 3),
			.engine_version = col_text(&q, 4),
			.runtimes = col_text(&q, 5),
			.reason = col_text(&q, 6),
			.remedy = col_text(&q, 7),
			.running_max = col_i64(&q, 8),
			.warm = col_i64(&q, 9),
			.probed_at = col_text(&q, 10)};
		if (col_tier(&q, 1, &b.isolation, e) == -1)
			return -1;
		r = cb(arg, &b, e);
	}
	return r == -1 ? -1 : 0;
}

int
db_node_put(
	struct db *db, const struct db_node *n, bool started, struct verr *e)
{
	struct now now = now_text();
	struct query v_autoquery q = query_start(db, SQL_NODE_PUT);
	bind_text(&q, 1, n->name);
	bind_text(&q, 2, n->boot_id);
	bind_text(&q, 3, n->version);
	bind_i64(&q, 4, n->cpus);
	bind_i64(&q, 5, n->memory_mib);
	bind_text(&q, 6, now.text);
	bind_i64(&q, 7, started);
	return query_run(&q, e) == -1 ? -1 : 0;
}

int
db_node_each(struct db *db, db_node_cb *cb, void *arg, struct verr *e)
{
	struct query v_autoquery q = query_start(db, SQL_NODES);
	int r = 0;
	while (r == 0 && (r = query_step(&q, e)) == 1) {
		struct db_node n = {.name = col_text(&q, 0),
			.boot_id = col_text(&q, 1),
			.version = col_text(&q, 2),
			.cpus = col_i64(&q, 3),
			.memory_mib = col_i64(&q, 4),
			.started_at = col_text(&q, 5),
			.seen_at = col_text(&q, 6)};
		r = cb(arg, &n, e);
	}
	return r == -1 ? -1 : 0;
}
