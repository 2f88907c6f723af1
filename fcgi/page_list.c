/* Home, the list of workloads and the tiers. */
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "poison.h"
#include "respond.h"
#include "show.h"

#define HOME_ROWS 8

struct rows {
	struct exchange *x;
	cJSON *list;
	size_t count;
};

static int
on_row(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	struct rows *r = arg;
	show_row(r->x, r->list, w);
	r->count++;
	return 0;
}

static int
on_count(void *arg, const struct db_count *c, struct verr *e)
{
	(void)e;
	uint64_t *by_status = arg;
	by_status[c->status] += c->n;
	return 0;
}

int
page_home(struct exchange *x, struct verr *e)
{
	uint64_t count[STATUS_COUNT] = {0};
	struct tier_state tiers[TIER_COUNT];
	struct db_filter f;
	char next[ULID_TEXT_BYTES];
	db_filter_init(&f);
	f.user_id = identity_scope(&x->who);
	f.limit = HOME_ROWS;
	cJSON *v = page_view(x, "Home", "at_home");
	struct rows rows = {.x = x, .list = view_list(v, "rows")};
	if (db_count_each(x->web->db, f.user_id, on_count, count, e) == -1 ||
		db_workload_list(x->web->db, &f, on_row, &rows, next, e) ==
			-1 ||
		tiers_read(x, tiers, e) == -1) {
		cJSON_Delete(v);
		return -1;
	}
	cJSON *counts = view_list(v, "counts");
	for (int i = 0; i < STATUS_COUNT; i++) {
		cJSON *item = view_item(counts);
		view_text(item, "status", status_text((enum status)i));
		view_textf(item, "count", "%llu", (unsigned long long)count[i]);
	}
	view_text(v, "caption", "Latest workloads");
	view_bool(v, "rows_present", rows.count > 0);
	show_tiers(x, v, tiers, NULL);
	return respond_page(x, 200, PAGE_HOME, v, e);
}

/* The filters as a query string, with another place to start. */
static const char *
link_to(struct exchange *x, const char *cursor)
{
	static const char hex[] = "0123456789ABCDEF";
	struct verr e;
	struct buf v_autobuf b = BUF(REQUEST_QUERY_BYTES * 4);
	const char *mark = "?";
	if (buf_adds(&b, "/workloads", &e) == -1)
		return "/workloads";
	for (size_t i = 0; i < x->query.count; i++) {
		const struct form_field *f = &x->query.fields[i];
		if (strcmp(f->name, "cursor") == 0 || f->value[0] == '\0')
			continue;
		if (buf_addf(&b, &e, "%s%s=", mark, f->name) == -1)
			return "/workloads";
		mark = "&";
		for (const unsigned char *p = (const unsigned char *)f->value;
			*p != '\0'; p++) {
			bool plain = (*p >= 'a' && *p <= 'z') ||
				(*p >= 'A' && *p <= 'Z') ||
				(*p >= '0' && *p <= '9') || *p == '-' ||
				*p == '.' || *p == '_';
			const char code[4] = {'%', hex[*p >> 4], hex[*p & 15]};
			if (plain ? buf_addc(&b, (char)*p, &e) == -1
				  : buf_adds(&b, code, &e) == -1)
				return "/workloads";
		}
	}
	if (cursor != NULL &&
		buf_addf(&b, &e, "%scursor=%s", mark, cursor) == -1)
		return "/workloads";
	return arena_bytes(x->arena, b.data, b.len);
}

static void
filters(struct exchange *x, cJSON *v)
{
	const struct form *q = &x->query;
	show_options(v, "status_options", show_statuses, form_get(q, "status"));
	show_options(v, "isolation_options", show_tier_words,
		form_get(q, "isolation"));
	show_options(
		v, "runtime_options", show_runtimes, form_get(q, "runtime"));
	show_options(v, "reason_options", show_reasons, form_get(q, "reason"));
	view_text(v, "since", form_get(q, "since"));
	view_text(v, "until", form_get(q, "until"));
}

int
page_list(struct exchange *x, struct verr *e)
{
	struct db_filter f;
	char next[ULID_TEXT_BYTES] = "";
	uint64_t total = 0;
	bool exact = true;
	cJSON *v = page_view(x, "Workloads", "at_list");
	struct rows rows = {.x = x, .list = view_list(v, "rows")};
	filters(x, v);
	int status = 200;
	if (list_filter(x, &f, e) == -1) {
		if (e->kind != VERR_INPUT) {
			cJSON_Delete(v);
			return -1;
		}
		status = 400;
		view_textf(v, "message", "%s; %s", e->msg, x->field.hint);
	} else if (db_workload_list(x->web->db, &f, on_row, &rows, next, e) ==
			-1 ||
		db_workload_count(x->web->db, &f, &total, &exact, e) == -1) {
		cJSON_Delete(v);
		return -1;
	}
	view_bool(v, "rows_present", rows.count > 0);
	view_textf(v, "caption", "%zu of %s%llu workloads, newest first",
		rows.count, exact ? "" : "more than ",
		(unsigned long long)total);
	if (form_get(&x->query, "cursor") != NULL)
		view_text(v, "newest", link_to(x, NULL));
	if (next[0] != '\0')
		view_text(v, "older", link_to(x, next));
	return respond_page(x, status, PAGE_LIST, v, e);
}

int
page_backends(struct exchange *x, struct verr *e)
{
	struct tier_state tiers[TIER_COUNT];
	if (tiers_read(x, tiers, e) == -1)
		return -1;
	cJSON *v = page_view(x, "Tiers", "at_backends");
	show_tiers(x, v, tiers, NULL);
	return respond_page(x, 200, PAGE_BACKENDS, v, e);
}
