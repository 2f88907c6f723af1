/* The form that runs code. */
#include <stdio.h>
#include <string.h>

#include "csrf.h"
#include "handlers.h"
#include "poison.h"
#include "respond.h"
#include "show.h"
#include "submit.h"
#include "wait.h"

static const char example[] =
	"export default function (input) {\n"
	"  console.log(`hello, ${input?.name ?? \"world\"}`);\n"
	"  return { sum: [1, 2, 3].reduce((a, b) => a + b) };\n"
	"}\n";

/* Fields whose text comes back as it was typed. */
static const char *const typed[] = {
	"code", "input", "stdin", "args", "env", "entrypoint"};
/* Fields that have a place for a message. */
static const char *const places[] = {"code", "input", "stdin", "args", "env",
	"runtime", "isolation", "files", "entrypoint"};

static void
fill_limits(struct exchange *x, cJSON *v, const char *wrong, const char *why)
{
	cJSON *list = view_list(v, "limits");
	for (int i = 0; i < SUBMIT_LIMITS; i++) {
		const struct submit_limit_row *row = &submit_limit_table[i];
		const struct conf_limit *c =
			submit_limit_conf(x->web->conf, (enum submit_limit)i);
		const char *given = form_get(&x->form, row->name);
		cJSON *item = view_item(list);
		view_text(item, "name", row->name);
		view_text(item, "label", row->label);
		if (given != NULL)
			view_text(item, "value", given);
		else
			view_textf(item, "value", "%llu",
				(unsigned long long)c->normal);
		view_textf(item, "max", "%llu", (unsigned long long)c->max);
		bool here = strncmp(wrong, "limits.", 7) == 0 &&
			strcmp(wrong + 7, row->name) == 0;
		view_text(item, "wrong", here ? why : "");
	}
}

static void
fill_runtimes(
	cJSON *v, const struct tier_state tiers[TIER_COUNT], const char *chosen)
{
	cJSON *list = view_list(v, "runtimes");
	for (int i = 0; i < RUNTIME_COUNT; i++) {
		enum runtime r = (enum runtime)i;
		if (r == RUNTIME_OCI)
			continue;
		bool offered = false;
		for (int t = 0; t < TIER_COUNT; t++)
			offered = offered || tier_runs(&tiers[t], r);
		cJSON *item = view_item(list);
		view_text(item, "word", runtime_text(r));
		view_bool(item, "offered", offered);
		view_bool(item, "chosen", strcmp(chosen, runtime_text(r)) == 0);
	}
}

/* The form, as it was sent when why is not NULL. */
static int
show_form(struct exchange *x, int status, const char *why, struct verr *e)
{
	struct tier_state tiers[TIER_COUNT];
	/* An error of the database must not end in another one. */
	struct verr ignored;
	if (tiers_read(x, tiers, why != NULL ? &ignored : e) == -1 &&
		why == NULL)
		return -1;
	cJSON *v = page_view(x, "Run code", "at_submit");
	view_text(v, "csrf", csrf_for(x, "/submit"));
	for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
		view_text(v, typed[i], form_get(&x->form, typed[i]));
	if (why == NULL)
		cJSON_ReplaceItemInObject(
			v, "code", cJSON_CreateString(example));
	const char *wrong = x->field.field;
	for (size_t i = 0;
		why != NULL && i < sizeof(places) / sizeof(places[0]); i++) {
		size_t n = strlen(places[i]);
		if (strncmp(wrong, places[i], n) == 0 &&
			(wrong[n] == '\0' || wrong[n] == '.' ||
				wrong[n] == '['))
			view_text(v,
				arena_printf(x->arena, "%s_wrong", places[i]),
				why);
	}
	const char *runtime = form_get(&x->form, "runtime");
	const char *tier = form_get(&x->form, "isolation");
	if (tier == NULL)
		tier = "auto";
	fill_runtimes(v, tiers, runtime != NULL ? runtime : "javascript");
	view_bool(v, "auto_chosen", strcmp(tier, "auto") == 0);
	show_tiers(x, v, tiers, tier);
	fill_limits(x, v, wrong, why != NULL ? why : "");
	view_text(v, "message", why);
	view_text(v, "hint", x->field.hint);
	return respond_page(x, status, PAGE_SUBMIT, v, e);
}

int
page_submit(struct exchange *x, struct verr *e)
{
	return show_form(x, 200, NULL, e);
}

int
page_submit_post(struct exchange *x, struct verr *e)
{
	struct submission s;
	char id[ULID_TEXT_BYTES];
	submit_init(x, &s);
	if (submit_from_form(x, &s, e) == 0 &&
		submit_accept(x, &s, id, e) != -1) {
		wait_ring(x->web, "new", id);
		return respond_redirect(
			x, arena_printf(x->arena, "/workloads/%s", id), e);
	}
	int status = x->refused != 0 ? x->refused : respond_status_of(e->kind);
	if (status == 500)
		return -1;
	const char *why = arena_strdup(x->arena, e->msg);
	if (status == 503 && respond_header(x, "Retry-After", "5", e) == -1)
		return -1;
	return show_form(x, status, why, e);
}
