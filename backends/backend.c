/* Sandboxes and runs: the order of calls, defaults, names before errors. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "json_check.h"
#include "poison.h"
#include "vtime.h"

/* The drivers of this build; a test may put one of its own first. */
static const struct driver *const drivers[] = {
	&isolate_driver,
	NULL,
};

static const struct driver *test_driver;

static const char *const state_text[] = {
	[SANDBOX_MADE] = "made",
	[SANDBOX_STARTED] = "started",
	[SANDBOX_ENDED] = "ended",
	[SANDBOX_COLLECTED] = "collected",
};
_Static_assert(sizeof(state_text) / sizeof(state_text[0]) == SANDBOX_STATES,
	"a text for every state");

static void
check_driver(const struct driver *d)
{
	assert(d->name != NULL && d->open != NULL && d->close != NULL);
	assert((d->fd == NULL) == (d->tend == NULL));
	assert(d->probe != NULL && d->sweep != NULL && d->create != NULL);
	assert(d->start != NULL && d->wait != NULL && d->kill != NULL);
	assert(d->collect != NULL && d->destroy != NULL);
}

void
backend_use_driver(const struct driver *d)
{
	if (d != NULL)
		check_driver(d);
	test_driver = d;
}

static const struct driver *
find(enum tier tier)
{
	if (test_driver != NULL && test_driver->tier == tier)
		return test_driver;
	for (size_t i = 0; drivers[i] != NULL; i++)
		if (drivers[i]->tier == tier)
			return drivers[i];
	return NULL;
}

static int
fail(const struct driver *d, const char *step, struct verr *e)
{
	return verr_wrap(e, "%s: %s", d->name, step);
}

static const struct driver *
driver_of(const struct backend *b)
{
	assert(b->magic == BACKEND_MAGIC);
	return b->driver;
}

int
backend_known(enum tier tier)
{
	return find(tier) != NULL;
}

int
backend_open(enum tier tier, const struct conf *conf, struct backend **ret,
	struct verr *e)
{
	const struct driver *d = find(tier);
	if (d == NULL)
		return verr_set(e, VERR_INPUT, 0,
			"tier '%s' has no driver in this build",
			tier_text(tier));
	check_driver(d);
	struct backend *b;
	if (d->open(conf, &b, e) == -1)
		return fail(d, "open", e);
	b->magic = BACKEND_MAGIC;
	b->driver = d;
	b->conf = conf;
	*ret = b;
	return 0;
}

void
backend_close(struct backend *b)
{
	if (b != NULL)
		driver_of(b)->close(b);
}

int
backend_fd(const struct backend *b)
{
	const struct driver *d = driver_of(b);
	return d->fd != NULL ? d->fd(b) : -1;
}

int
backend_tend(struct backend *b, struct verr *e)
{
	const struct driver *d = driver_of(b);
	int r = d->tend != NULL ? d->tend(b, e) : 0;
	return r == -1 ? fail(d, "tend", e) : r;
}

int
backend_probe(struct backend *b, const struct sandbox_slot *slot,
	struct backend_caps *caps, struct verr *e)
{
	const struct driver *d = driver_of(b);
	memset(caps, 0, sizeof(*caps));
	int r = d->probe(b, slot, caps, e);
	return r == -1 ? fail(d, "probe", e) : r;
}

int
backend_sweep(
	struct backend *b, const struct sandbox_slot *slot, struct verr *e)
{
	const struct driver *d = driver_of(b);
	return d->sweep(b, slot, e) == -1 ? fail(d, "sweep", e) : 0;
}

int
backend_create(struct backend *b, const struct sandbox_class *class,
	const struct sandbox_slot *slot, struct sandbox **ret, struct verr *e)
{
	const struct driver *d = driver_of(b);
	int64_t begin = vtime_mono_ns();
	struct sandbox *sb;
	if (d->create(b, class, slot, &sb, e) == -1)
		return fail(d, "create", e);
	sb->magic = SANDBOX_MAGIC;
	sb->backend = b;
	sb->state = SANDBOX_MADE;
	sb->class = *class;
	sb->slot = *slot;
	sb->create_ns = begin;
	sb->created_ns = vtime_mono_ns() - begin;
	*ret = sb;
	return 0;
}

/* The driver when the sandbox is in this state; NULL and the error if not. */
static const struct driver *
in_state(const struct sandbox *sb, enum sandbox_state want, const char *step,
	struct verr *e)
{
	assert(sb->magic == SANDBOX_MAGIC);
	const struct driver *d = driver_of(sb->backend);
	if (sb->state == want)
		return d;
	verr_set(e, VERR_BUG, 0, "%s: %s of a sandbox that is %s", d->name,
		step, state_text[sb->state]);
	return NULL;
}

int
backend_start(struct sandbox *sb, const struct run_spec *spec,
	enum warmth warmth, const struct run_sink *sink, struct verr *e)
{
	const struct driver *d = in_state(sb, SANDBOX_MADE, "start", e);
	if (d == NULL)
		return -1;
	sb->spec = spec;
	sb->warmth = warmth;
	sb->sink = *sink;
	sb->state = SANDBOX_STARTED;
	return d->start(sb, e) == -1 ? fail(d, "start", e) : 0;
}

int
backend_wait(struct sandbox *sb, int cancel_fd, struct verr *e)
{
	const struct driver *d = in_state(sb, SANDBOX_STARTED, "wait", e);
	if (d == NULL)
		return -1;
	int r = d->wait(sb, cancel_fd, e);
	if (r == 1)
		sb->state = SANDBOX_ENDED;
	return r == -1 ? fail(d, "wait", e) : r;
}

int
backend_kill(struct sandbox *sb, enum reason reason, struct verr *e)
{
	const struct driver *d = in_state(sb, SANDBOX_STARTED, "kill", e);
	if (d == NULL)
		return -1;
	if (d->kill(sb, reason, e) == -1)
		return fail(d, "kill", e);
	sb->state = SANDBOX_ENDED;
	return 0;
}

/*
 * The result goes into records as it came, so a guest that broke out of its
 * engine must not be able to say anything there but a value.
 */
static int
refuse_false_output(struct run_left *left, struct verr *e)
{
	if (left->output.len == 0 ||
		json_check(left->output.data, left->output.len))
		return 0;
	buf_reset(&left->output);
	struct run_result *r = &left->result;
	if (r->reason != REASON_NONE)
		return 0;
	r->reason = REASON_EXIT;
	r->exited = true;
	r->exit_code = 1;
	buf_reset(&left->error);
	return buf_adds(&left->error, "The program's result is not JSON", e);
}

int
backend_collect(struct sandbox *sb, struct run_left *left, struct verr *e)
{
	const struct driver *d = in_state(sb, SANDBOX_ENDED, "collect", e);
	if (d == NULL)
		return -1;
	int64_t begin = vtime_mono_ns();
	struct run_result *r = &left->result;
	r->warmth = sb->warmth;
	/* What was made ahead did not take of this run's time. */
	r->phase_seen[PHASE_CREATE] = sb->warmth == WARMTH_COLD;
	if (sb->warmth == WARMTH_COLD)
		r->phase_ns[PHASE_CREATE] = (uint64_t)sb->created_ns;
	if (d->collect(sb, left, e) == -1 || refuse_false_output(left, e) == -1)
		return fail(d, "collect", e);
	r->phase_seen[PHASE_COLLECT] = true;
	r->phase_ns[PHASE_COLLECT] = (uint64_t)(vtime_mono_ns() - begin);
	sb->state = SANDBOX_COLLECTED;
	return 0;
}

void
backend_destroy(struct sandbox *sb)
{
	if (sb == NULL)
		return;
	assert(sb->magic == SANDBOX_MAGIC);
	driver_of(sb->backend)->destroy(sb);
}

#define OUTPUT_MAX (64u << 20)

void
run_left_init(struct run_left *l)
{
	memset(l, 0, sizeof(*l));
	buf_init(&l->output, OUTPUT_MAX);
	buf_init(&l->error, OUTPUT_MAX);
	buf_init(&l->compiled, OUTPUT_MAX);
}

void
run_left_done(struct run_left *l)
{
	buf_done(&l->output);
	buf_done(&l->error);
	buf_done(&l->compiled);
}
