/* /v1/workloads: submitting, listing, reading and ending. */
#include <string.h>

#include "auth.h"
#include "body_json.h"
#include "handlers.h"
#include "json.h"
#include "poison.h"
#include "record.h"
#include "respond.h"
#include "show.h"
#include "submit.h"
#include "wait.h"

#define BODY_ITEMS_MAX 100000
/* A DELETE answers when the workload is over, which takes 2 s at most. */
#define CANCEL_WAIT_MS 2500

const struct param list_params[] = {
	{.name = "status", .type = PARAM_WORD, .words = show_statuses},
	{.name = "isolation", .type = PARAM_WORD, .words = show_tier_words},
	{.name = "runtime", .type = PARAM_WORD, .words = show_runtimes},
	{.name = "reason", .type = PARAM_WORD, .words = show_reasons},
	{.name = "user", .type = PARAM_TEXT, .max = 128},
	{.name = "label", .type = PARAM_TEXT, .max = 256},
	{.name = "since", .type = PARAM_TEXT, .max = 40},
	{.name = "until", .type = PARAM_TEXT, .max = 40},
	{.name = "q", .type = PARAM_TEXT, .max = 256},
	{.name = "limit", .type = PARAM_U64, .min = 1, .max = DB_LIST_MAX},
	{.name = "cursor", .type = PARAM_ULID},
	{.name = NULL},
};

static const char *
filled(const struct exchange *x, const char *name)
{
	const char *v = form_get(&x->query, name);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

/* RFC 3339, or a day: the day's first or last millisecond. */
static int
read_time(struct exchange *x, const char *name, bool last, int64_t *ret,
	struct verr *e)
{
	const char *text = filled(x, name);
	if (text == NULL)
		return 0;
	const char *whole = text;
	if (strlen(text) == 10)
		whole = arena_printf(x->arena, "%s%s", text,
			last ? "T23:59:59.999Z" : "T00:00:00Z");
	if (time_parse(whole, ret))
		return 0;
	field_refuse(&x->field, e, name, "this is no time");
	return field_hint(
		&x->field, "such as 2026-01-31 or 2026-01-31T12:00:00Z");
}

int
list_filter(struct exchange *x, struct db_filter *f, struct verr *e)
{
	db_filter_init(f);
	f->user_id = identity_scope(&x->who);
	enum status status;
	enum reason reason;
	enum tier tier;
	enum runtime runtime;
	const char *v;
	if ((v = filled(x, "status")) != NULL && status_parse(v, &status))
		f->status = (int)status;
	if ((v = filled(x, "reason")) != NULL && reason_parse(v, &reason))
		f->reason = (int)reason;
	if ((v = filled(x, "isolation")) != NULL && tier_parse(v, &tier))
		f->isolation = (int)tier;
	if ((v = filled(x, "runtime")) != NULL && runtime_parse(v, &runtime))
		f->runtime = (int)runtime;
	f->user = filled(x, "user");
	f->q = filled(x, "q");
	f->cursor = filled(x, "cursor");
	f->limit = (unsigned)form_u64(&x->query, "limit", f->limit);
	if ((v = filled(x, "label")) != NULL) {
		const char *eq = strchr(v, '=');
		f->label_key = eq == NULL
			? v
			: arena_bytes(x->arena, v, (size_t)(eq - v));
		f->label_value = eq == NULL ? NULL : eq + 1;
	}
	if (read_time(x, "since", false, &f->since_ms, e) == -1)
		return -1;
	return read_time(x, "until", true, &f->until_ms, e);
}

struct listing {
	struct exchange *x;
	struct json j;
};

static int
on_row(void *arg, const struct db_workload *w, struct verr *e)
{
	struct listing *l = arg;
	return record_write(l->x, w, false, &l->j, e);
}

int
api_list(struct exchange *x, struct verr *e)
{
	struct db_filter f;
	struct listing l = {.x = x};
	char next[ULID_TEXT_BYTES];
	uint64_t total;
	bool exact;
	if (list_filter(x, &f, e) == -1)
		return -1;
	json_begin(&l.j, &x->res.body);
	json_object(&l.j);
	json_key(&l.j, "workloads");
	json_array(&l.j);
	if (db_workload_list(x->web->db, &f, on_row, &l, next, e) == -1 ||
		db_workload_count(x->web->db, &f, &total, &exact, e) == -1)
		return -1;
	json_array_end(&l.j);
	json_key_text(&l.j, "next_cursor", next[0] != '\0' ? next : NULL);
	json_key_u64(&l.j, "total", total);
	json_key_bool(&l.j, "total_exact", exact);
	json_object_end(&l.j);
	if (json_end(&l.j, e) == -1)
		return -1;
	return respond_as(x, 200, "application/json", e);
}

/* Where to find what was made. */
static int
located(struct exchange *x, const char *id, struct verr *e)
{
	return respond_header(x, "Location",
		arena_printf(x->arena, "/v1/workloads/%s", id), e);
}

/*
 * Answers with the record once the workload is over; with 202 and the record
 * as it stands when the places of those who wait are taken or time is up.
 */
static int
answer_waiting(
	struct exchange *x, const char *id, uint64_t wait_ms, struct verr *e)
{
	int over = 0;
	if (wait_claim(x)) {
		over = wait_settled(x, "newwait", id, wait_ms, e);
		wait_release(x);
	} else {
		wait_ring(x->web, "new", id);
	}
	if (over == -1 || located(x, id, e) == -1)
		return -1;
	return record_answer(x, over == 1 ? 200 : 202, id, e);
}

static int
accept_body(struct exchange *x, struct submission *s, char id[ULID_TEXT_BYTES],
	struct verr *e)
{
	const struct body_json_limits limits = {
		.bytes_max = x->web->conf->request_bytes_max,
		.items_max = BODY_ITEMS_MAX,
	};
	if (x->body == NULL)
		return refuse(
			x, 400, "send a JSON object", e, "the body is missing");
	cJSON *v_autocjson body = NULL;
	if (body_json_parse(
		    x->body, x->body_len, &limits, &body, &x->field, e) == -1)
		return -1;
	submit_init(x, s);
	if (submit_from_json(x, body, s, e) == -1)
		return -1;
	return submit_accept(x, s, id, e);
}

int
api_submit(struct exchange *x, struct verr *e)
{
	struct submission s;
	char id[ULID_TEXT_BYTES];
	if (accept_body(x, &s, id, e) == -1)
		return -1;
	return answer_waiting(x, id, submit_wait_ms(&s), e);
}

int
api_submit_async(struct exchange *x, struct verr *e)
{
	struct submission s;
	char id[ULID_TEXT_BYTES];
	if (accept_body(x, &s, id, e) == -1 || located(x, id, e) == -1)
		return -1;
	wait_ring(x->web, "new", id);
	return record_answer(x, 202, id, e);
}

/* A body is not needed; one that is there must say nothing. */
static int
empty_body(struct exchange *x, struct verr *e)
{
	static const char *const none[] = {NULL};
	const struct body_json_limits limits = {
		.bytes_max = 1024, .items_max = 16};
	struct json_in in;
	cJSON *v_autocjson body = NULL;
	if (x->body_len == 0)
		return 0;
	if (body_json_parse(
		    x->body, x->body_len, &limits, &body, &x->field, e) == -1 ||
		json_root(body, &in, &x->field, e) == -1)
		return -1;
	return json_only(&in, none, &x->field, e);
}

int
api_rerun(struct exchange *x, struct verr *e)
{
	struct submission s;
	char id[ULID_TEXT_BYTES];
	if (empty_body(x, e) == -1)
		return -1;
	submit_init(x, &s);
	if (submit_from_workload(x, route_captured(&x->match, "id"), &s, e) ==
			-1 ||
		submit_accept(x, &s, id, e) == -1 || located(x, id, e) == -1)
		return -1;
	wait_ring(x->web, "new", id);
	return record_answer(x, 202, id, e);
}

static int
on_active(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	bool *active = arg;
	*active = w->status == STATUS_PENDING || w->status == STATUS_RUNNING;
	return 0;
}

int
api_get(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	uint64_t wait_s = form_u64(&x->query, "wait", 0);
	bool active = false;
	if (wait_s > 0) {
		int r = db_workload_get(x->web->db, id, identity_scope(&x->who),
			on_active, &active, e);
		if (r != 1)
			return r == -1 ? -1 : record_missing(x, id, e);
	}
	if (active && wait_claim(x)) {
		int r = wait_settled(x, "wait", id, wait_s * 1000, e);
		wait_release(x);
		if (r == -1)
			return -1;
	}
	return record_answer(x, 200, id, e);
}

int
api_delete(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	int r = db_cancel(x->web->db, id, identity_scope(&x->who), e);
	if (r == -1)
		return -1;
	if (r == 0)
		return record_missing(x, id, e);
	if (r == 2)
		return refuse(
			x, 409, NULL, e, "workload %s is over already", id);
	if (auth_event(x, x->who.user_id, id, "cancel", "api", e) == -1)
		return -1;
	int over = 0;
	if (wait_claim(x)) {
		over = wait_settled(x, "cancelwait", id, CANCEL_WAIT_MS, e);
		wait_release(x);
	} else {
		wait_ring(x->web, "cancel", id);
	}
	if (over == -1)
		return -1;
	return record_answer(x, over == 1 ? 200 : 202, id, e);
}
