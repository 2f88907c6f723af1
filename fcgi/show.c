/* Rows, times and sizes as people read them; parts that pages share. */
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "show.h"

const char *const show_statuses[STATUS_COUNT + 1] = {
	"pending", "running", "completed", "failed", "killed", NULL};
const char *const show_tier_words[TIER_COUNT + 1] = {
	"isolate", "gvisor", "microvm", NULL};
const char *const show_runtimes[RUNTIME_COUNT + 1] = {"javascript",
	"typescript", "node", "python", "go", "c", "shell", "oci", NULL};
const char *const show_reasons[REASON_COUNT] = {"exit", "signal", "timeout",
	"cpu", "memory", "output", "disk", "processes", "compile", "cancelled",
	"platform", NULL};

const char *
show_ms(struct arena *a, double ms)
{
	if (ms < 10)
		return arena_printf(a, "%.2f ms", ms);
	if (ms < 1000)
		return arena_printf(a, "%.0f ms", ms);
	if (ms < 60000)
		return arena_printf(a, "%.1f s", ms / 1000);
	unsigned long long s = (unsigned long long)(ms / 1000);
	return arena_printf(a, "%llu min %llu s", s / 60, s % 60);
}

const char *
show_bytes(struct arena *a, uint64_t n)
{
	if (n < 1024)
		return arena_printf(a, "%llu B", (unsigned long long)n);
	if (n < 1048576)
		return arena_printf(a, "%.1f KiB", (double)n / 1024);
	return arena_printf(a, "%.1f MiB", (double)n / 1048576);
}

const char *
show_time(struct arena *a, const char *t)
{
	if (t == NULL || strlen(t) < 19)
		return "";
	char *out = arena_bytes(a, t, 19);
	out[10] = ' ';
	return out;
}

const char *
show_text(struct arena *a, const void *p, size_t n)
{
	const char *in = p;
	size_t nuls = 0;
	for (size_t i = 0; i < n; i++)
		nuls += in[i] == '\0';
	if (nuls == 0)
		return arena_bytes(a, p, n);
	char *out = arena_alloc(a, n + nuls * 2 + 1), *to = out;
	for (size_t i = 0; i < n; i++) {
		if (in[i] != '\0') {
			*to++ = in[i];
			continue;
		}
		memcpy(to, "\xe2\x90\x80", 3);
		to += 3;
	}
	*to = '\0';
	return out;
}

void
show_fact(cJSON *list, const char *name, const char *value)
{
	cJSON *item = view_item(list);
	view_text(item, "name", name);
	view_text(item, "value", value);
}

void
show_row(struct exchange *x, cJSON *rows, const struct db_workload *w)
{
	struct arena *a = x->arena;
	cJSON *v = view_item(rows);
	view_text(v, "id", w->id);
	view_text(v, "status", status_text(w->status));
	view_text(v, "reason",
		w->reason == REASON_NONE ? "" : reason_text(w->reason));
	view_text(v, "isolation", tier_text(w->isolation));
	view_text(v, "runtime", runtime_text(w->runtime));
	view_text(v, "owner", w->user);
	view_text(
		v, "took", w->has_duration ? show_ms(a, w->duration_ms) : "–");
	view_text(v, "created", show_time(a, w->created_at));
	view_text(v, "created_at", w->created_at);
}

static void
tier_facts(struct exchange *x, cJSON *facts, const struct tier_state *t)
{
	struct arena *a = x->arena;
	if (!t->known)
		return;
	show_fact(facts, "Node", t->node);
	if (t->engine[0] != '\0')
		show_fact(facts, "Engine",
			arena_printf(a, "%s %s", t->engine, t->engine_version));
	if (t->runtimes[0] != '\0')
		show_fact(facts, "Runtimes", t->runtimes);
	if (t->usable) {
		show_fact(facts, "At once",
			arena_printf(a, "%lld", (long long)t->running_max));
		show_fact(facts, "Warm now",
			arena_printf(a, "%lld", (long long)t->warm));
	}
	show_fact(facts, "Tried (UTC)", show_time(a, t->probed_at));
}

void
show_tiers(struct exchange *x, cJSON *view,
	const struct tier_state tiers[TIER_COUNT], const char *chosen)
{
	cJSON *list = view_list(view, "tiers");
	for (int i = 0; i < TIER_COUNT; i++) {
		const struct tier_state *t = &tiers[i];
		cJSON *v = view_item(list);
		const char *word = tier_text((enum tier)i);
		view_text(v, "isolation", word);
		view_text(v, "about", tier_about((enum tier)i));
		view_text(v, "why", t->reason);
		view_text(v, "remedy", t->remedy);
		view_bool(v, "usable", t->usable);
		view_bool(v, "chosen",
			chosen != NULL && strcmp(chosen, word) == 0);
		tier_facts(x, view_list(v, "facts"), t);
	}
}

void
show_options(cJSON *view, const char *name, const char *const *words,
	const char *chosen)
{
	cJSON *list = view_list(view, name);
	for (; *words != NULL; words++) {
		cJSON *v = view_item(list);
		view_text(v, "word", *words);
		view_bool(v, "chosen",
			chosen != NULL && strcmp(chosen, *words) == 0);
		view_bool(v, "offered", true);
	}
}
