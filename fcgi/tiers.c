/* The tiers of this installation, and which one a submission gets. */
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "tiers.h"

struct reading {
	struct exchange *x;
	struct tier_state *state;
};

static int
on_backend(void *arg, const struct db_backend *b, struct verr *e)
{
	(void)e;
	const struct reading *r = arg;
	struct tier_state *t = &r->state[b->isolation];
	if (t->known && (t->usable || !b->usable))
		return 0;
	struct arena *a = r->x->arena;
	*t = (struct tier_state){
		.known = true,
		.usable = b->usable,
		.node = arena_strdup(a, b->node),
		.engine = arena_strdup(a, b->engine),
		.engine_version = arena_strdup(a, b->engine_version),
		.runtimes = arena_strdup(a, b->runtimes),
		.reason = arena_strdup(a, b->reason),
		.remedy = arena_strdup(a, b->remedy),
		.running_max = b->running_max,
		.warm = b->warm,
		.probed_at = arena_strdup(a, b->probed_at),
	};
	return 0;
}

int
tiers_read(
	struct exchange *x, struct tier_state ret[TIER_COUNT], struct verr *e)
{
	for (int i = 0; i < TIER_COUNT; i++)
		ret[i] = (struct tier_state){
			.node = "",
			.engine = "",
			.engine_version = "",
			.runtimes = "",
			.reason = "no runner has reported this tier yet",
			.remedy = "start vulcan-runner",
			.probed_at = "",
		};
	struct reading r = {.x = x, .state = ret};
	return db_backend_each(x->web->db, on_backend, &r, e);
}

bool
tier_runs(const struct tier_state *t, enum runtime runtime)
{
	if (!t->usable)
		return false;
	const char *want = runtime_text(runtime);
	size_t n = strlen(want);
	for (const char *p = t->runtimes; *p != '\0';) {
		size_t len = strcspn(p, " ");
		if (len == n && memcmp(p, want, n) == 0)
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

const char *
tier_about(enum tier t)
{
	static const char *const about[] = {
		[TIER_ISOLATE] = ("A V8 heap inside its own locked-down "
				  "process. JavaScript and TypeScript, in "
				  "about a millisecond."),
		[TIER_GVISOR] = ("A user-space kernel that answers the system "
				 "calls. Images, and root filesystems with "
				 "Python, Node and Go."),
		[TIER_MICROVM] = ("A virtual machine with its own kernel. Go, "
				  "Node and Python, and whole archives."),
	};
	_Static_assert(sizeof(about) / sizeof(about[0]) == TIER_COUNT,
		"a sentence for every tier");
	return about[t];
}

/* What `auto` means for a runtime, and the sentence that says so. */
struct rule {
	enum tier tier;
	const char *because;
};
static const struct rule rules[] = {
	[RUNTIME_JAVASCRIPT] = {TIER_ISOLATE,
		"JavaScript source goes to isolate"},
	[RUNTIME_TYPESCRIPT] = {TIER_ISOLATE,
		"TypeScript source goes to isolate"},
	[RUNTIME_NODE] = {TIER_MICROVM, "Node programs go to microvm"},
	[RUNTIME_PYTHON] = {TIER_MICROVM, "Python source goes to microvm"},
	[RUNTIME_GO] = {TIER_MICROVM, "Go source goes to microvm"},
	[RUNTIME_C] = {TIER_GVISOR, "C source goes to gvisor"},
	[RUNTIME_SHELL] = {TIER_GVISOR, "shell scripts go to gvisor"},
	[RUNTIME_OCI] = {TIER_GVISOR, "images go to gvisor"},
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == RUNTIME_COUNT,
	"a rule for every runtime");

static int
refuse_tier(struct exchange *x, const struct submission *s,
	const struct tier_state *t, struct verr *e)
{
	const char *name = tier_text(s->tier);
	const char *runtime = runtime_text(s->runtime_word);
	if (t->usable)
		return refuse_field(x, "runtime",
			arena_printf(
				x->arena, "%s runs: %s", name, t->runtimes),
			e, "the %s tier here does not run %s", name, runtime);
	bool chosen = strcmp(s->isolation, "auto") == 0;
	const char *hint = t->remedy[0] != '\0' ? t->remedy : NULL;
	if (chosen)
		return refuse_field(x, "runtime", hint, e,
			"auto chooses %s for %s, and that tier is not "
			"available here: %.100s",
			name, runtime, t->reason);
	return refuse_field(x, "isolation", hint, e,
		"the %s tier is not available here: %.120s", name, t->reason);
}

int
tiers_route(struct exchange *x, struct submission *s, struct verr *e)
{
	struct tier_state tiers[TIER_COUNT];
	if (tiers_read(x, tiers, e) == -1)
		return -1;
	const struct rule *rule = &rules[s->runtime_word];
	if (strcmp(s->isolation, "auto") == 0) {
		s->tier = rule->tier;
		s->routing = arena_printf(x->arena, "auto: %s", rule->because);
	} else if (tier_parse(s->isolation, &s->tier)) {
		s->routing = arena_printf(
			x->arena, "%s was asked for", s->isolation);
	} else {
		return refuse_field(x, "isolation",
			"one of: auto, isolate, gvisor, microvm", e,
			"there is no such tier");
	}
	if (!tier_runs(&tiers[s->tier], s->runtime_word))
		return refuse_tier(x, s, &tiers[s->tier], e);
	return 0;
}
