/* The outcome of a run: what the host saw, and the guest's own claims. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "isolate.h"
#include "poison.h"

#define NEWS_MS 100 /* wait for a process's own peak, where it is needed */

/* A limit that struck, as the record names it. */
static void
name_limit(const struct isolate_sandbox *s, struct run_result *r,
	const char *name, uint64_t value, uint64_t setting)
{
	(void)s;
	size_t n = strlen(name);
	memcpy(r->limit_name, name, n + 1);
	r->limit_value = value;
	r->limit_setting = setting;
}

static void
by_memory(const struct isolate_sandbox *s, struct run_result *r)
{
	r->reason = REASON_MEMORY;
	name_limit(s, r, "memory_mib", r->memory_peak_kib >> 10,
		s->base.spec->limits.memory_mib);
}

/* We ended it. */
static void
settle_struck(const struct isolate_sandbox *s, struct run_result *r)
{
	const struct run_limits *l = &s->base.spec->limits;
	r->reason = s->struck;
	if (s->struck == REASON_COMPILE)
		return;
	r->signal = SIGKILL;
	if (s->struck == REASON_TIMEOUT)
		name_limit(s, r, "wall_ms", s->struck_value, l->wall_ms);
	if (s->struck == REASON_CPU)
		name_limit(s, r, "cpu_ms", s->struck_value, l->cpu_ms);
	if (s->struck == REASON_OUTPUT)
		name_limit(
			s, r, "output_bytes", s->struck_value, l->output_bytes);
	if (s->struck == REASON_MEMORY)
		by_memory(s, r);
}

/* It ended without saying so. */
static void
settle_dead(const struct isolate_sandbox *s, struct run_result *r)
{
	if (WIFSIGNALED(s->dead_status)) {
		r->reason = REASON_SIGNAL;
		r->signal = WTERMSIG(s->dead_status);
		return;
	}
	r->reason = REASON_EXIT;
	r->exited = true;
	r->exit_code = WEXITSTATUS(s->dead_status);
}

static void
settle(const struct isolate_sandbox *s, struct run_result *r)
{
	if (s->struck != REASON_NONE) {
		settle_struck(s, r);
		return;
	}
	if (!s->said_exit) {
		settle_dead(s, r);
	} else {
		r->exited = true;
		r->exit_code = s->exit_code;
		if (s->exit_code != 0)
			r->reason = REASON_EXIT;
	}
	if (s->said_memory || cgroup_oom_killed(&s->group))
		by_memory(s, r);
}

/* The guest's items get a prefix; one that does not fit is left out. */
static void
take_claims(struct isolate_sandbox *s, struct run_result *r)
{
	char *rest = s->meta.data;
	for (char *line;
		rest != NULL && (line = strsep(&rest, "\n")) != NULL;) {
		char *equals = strchr(line, '=');
		if (equals == NULL)
			continue;
		*equals = '\0';
		if (strcmp(line, "struck") == 0) {
			s->said_memory = strcmp(equals + 1, "memory") == 0;
			continue;
		}
		char key[RUN_META_KEY_BYTES];
		int n = snprintf(key, sizeof(key), "guest-%s", line);
		struct verr none;
		if (n > 0 && n < (int)sizeof(key) && r->meta_count < 16)
			(void)run_meta_set(r, key, equals + 1, &none);
	}
}

static int
add_meta(const struct isolate_sandbox *s, struct run_result *r, struct verr *e)
{
	if (s->version[0] != '\0' &&
		run_meta_set(r, "v8-version", s->version, e) == -1)
		return -1;
	if (s->ready_us != 0 &&
		run_meta_setf(r, e, "isolate-ready-us", "%" PRId64,
			s->ready_us) == -1)
		return -1;
	if (run_meta_setf(r, e, "heap-limit-kib", "%" PRIu64,
		    s->base.spec->limits.memory_mib << 10) == -1)
		return -1;
	if (run_meta_set(r, "jit",
		    s->base.backend->conf->isolate_jit ? "on" : "off", e) == -1)
		return -1;
	return run_meta_setf(r, e, "zygote-generation", "%u", s->generation);
}

static void
add_usage(struct isolate_sandbox *s, struct run_result *r)
{
	uint64_t peak;
	if (cgroup_memory_peak(&s->group, &peak) == 1) {
		r->memory_peak_kib = peak >> 10;
	} else {
		(void)isolate_await_death(s, NEWS_MS);
		r->memory_peak_kib = (uint64_t)s->rss_kib;
	}
	int64_t exec = s->ended_ns - s->started_ns;
	r->wall_us = (uint64_t)(exec / 1000);
	r->cpu_us = (uint64_t)(s->cpu_ns / 1000);
	r->stdout_bytes = s->bytes[STREAM_STDOUT];
	r->stderr_bytes = s->bytes[STREAM_STDERR];
	r->stdout_truncated = s->cut[STREAM_STDOUT];
	r->stderr_truncated = s->cut[STREAM_STDERR];
	/* A run that was ended while it was compiled has no phase but that. */
	int64_t compile = s->handed_over ? s->compile_ns : exec;
	r->phase_seen[PHASE_COMPILE] = compile >= 0;
	r->phase_ns[PHASE_COMPILE] = compile >= 0 ? (uint64_t)compile : 0;
	r->phase_seen[PHASE_EXEC] = s->handed_over;
	r->phase_ns[PHASE_EXEC] = s->handed_over ? (uint64_t)exec : 0;
}

/* A sentence for a run that could not say itself why it ended. */
static int
explain(const struct isolate_sandbox *s, const struct run_result *r,
	struct buf *error, struct verr *e)
{
	if (s->broke) {
		buf_reset(error);
		return buf_adds(error, "the guest broke the protocol", e);
	}
	if (error->len > 0)
		return 0;
	char room[16];
	switch (r->reason) {
	case REASON_TIMEOUT:
		return buf_addf(error, e,
			"The program was stopped after %" PRIu64
			" ms, its limit of time",
			r->limit_setting);
	case REASON_CPU:
		return buf_addf(error, e,
			"The program was stopped after %" PRIu64
			" ms of processor time, its limit",
			r->limit_setting);
	case REASON_MEMORY:
		return buf_addf(error, e,
			"The program was stopped for needing more than %" PRIu64
			" MiB of memory, its limit",
			r->limit_setting);
	case REASON_OUTPUT:
		return buf_adds(error,
			"The program was stopped for writing far beyond its "
			"limit of output",
			e);
	case REASON_SIGNAL:
		return buf_addf(error, e, "The program was ended by %s",
			run_signal_text(r->signal, room));
	case REASON_COMPILE:
		return buf_adds(error, "The compiler ended without a word", e);
	case REASON_NONE:
	case REASON_EXIT:
	case REASON_DISK:
	case REASON_PROCESSES:
	case REASON_CANCELLED:
	case REASON_PLATFORM:
	case REASON_COUNT:
		return 0;
	}
	return 0;
}

static void
take_texts(struct isolate_sandbox *s, struct run_left *left)
{
	buf_done(&left->output);
	buf_done(&left->error);
	buf_done(&left->compiled);
	left->output = s->output;
	left->error = s->error;
	left->compiled = s->compiled;
	buf_init(&s->output, 0);
	buf_init(&s->error, 0);
	buf_init(&s->compiled, 0);
}

int
isolate_collect(struct sandbox *sb, struct run_left *left, struct verr *e)
{
	struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	struct run_result *r = &left->result;
	memcpy(r->engine, "v8", 3);
	add_usage(s, r);
	take_claims(s, r);
	settle(s, r);
	if (add_meta(s, r, e) == -1)
		return -1;
	take_texts(s, left);
	return explain(s, r, &left->error, e);
}
