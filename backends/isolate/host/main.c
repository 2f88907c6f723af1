/*
 * vulcan-isolate: the host of the isolate tier, a zygote with V8 inside.
 *
 * User: root, started by the isolate driver in the warden and by nobody else.
 * First it locks itself up: mount, network, ipc and uts namespaces, an
 * empty read-only root, the four capabilities that it needs to make children
 * of other users. Then it starts V8, makes an isolate with its context and
 * evaluates the bootstrap script, all on one thread. For each ask it forks a
 * child that becomes one run (child.c). It parses asks, which are fixed
 * structs from root; it never sees a byte of a run. It trusts the warden.
 *
 * A child inherits the state of the isolate and its addresses; so the zygote
 * is replaced after so many births or so much time, as its driver decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ask.h"
#include "bootstrap.h"
#include "fd.h"
#include "files.h"
#include "filter.h"
#include "jail.h"
#include "num.h"
#include "poison.h"
#include "program.h"
#include "share.h"
#include "shim.h"
#include "zygote.h"

static int64_t
now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
tell(uint32_t word, int64_t ready_us, const char *text)
{
	struct isolate_note n = {
		.magic = ISOLATE_MAGIC, .word = word, .ready_us = ready_us};
	snprintf(n.text, sizeof(n.text), "%s", text);
	struct verr e;
	(void)fd_send(ISOLATE_CONTROL_FD, &n, sizeof(n), NULL, 0, &e);
}

static int
parse(char **argv, bool *jit, struct zygote *z, struct verr *e)
{
	uint64_t on, first, count;
	if (num_u64s(argv[ISOLATE_ARG_JIT], 0, 1, "jit", &on, e) == -1 ||
		num_u64s(argv[ISOLATE_ARG_UID_FIRST], 1, UINT32_MAX - 1,
			"first uid", &first, e) == -1 ||
		num_u64s(argv[ISOLATE_ARG_UID_COUNT], 1, UINT32_MAX - first,
			"number of uids", &count, e) == -1)
		return -1;
	*jit = on == 1;
	z->uid_first = (uint32_t)first;
	z->uid_count = (uint32_t)count;
	return num_u64s(argv[ISOLATE_ARG_RENEW_RUNS], 1, UINT64_MAX,
		"births until renewal", &z->renew_runs, e);
}

/*
 * The headers of another V8 compile and link against this one and seem to
 * run; so a mismatch is refused. What follows the fourth number is the
 * builder's own mark.
 */
static int
check_version(struct verr *e)
{
	const char *ours = shim_headers_version();
	const char *theirs = shim_version();
	size_t n = strlen(ours);
	if (strncmp(ours, theirs, n) != 0 ||
		(theirs[n] >= '0' && theirs[n] <= '9'))
		return verr_set(e, VERR_HOST, 0,
			"built for V8 %s, but V8 %s was loaded; "
			"run scripts/v8-deps and build again",
			ours, theirs);
	return 0;
}

/* Programs that the bootstrap script runs once, to warm V8 up. */
static const struct {
	const char *name, *text;
} samples[] = {
	{"warm.cjs",
		"'use strict';\n"
		"console.log('warm', 1, -0, { a: [1, 'b', null], c: 1n });\n"
		"console.error(`warm ${sample()}`, [1.5, 2, 3, 4, 5, 6, 7]);\n"
		"function sample() { return new Map([[1, new Set([2])]]); }\n"
		"module.exports = async (input, context) => {\n"
		"  await null;\n"
		"  return { input, args: context.args, text: context.stdin };\n"
		"};\n"},
	{"warm.mjs",
		"console.log('%s warm', 'very', undefined, true, new "
		"Date(0));\n"
		"console.log(new Error('warm'), class A {}, () => {});\n"
		"export default function handler(input) {\n"
		"  return input.d.map((x) => x + 1);\n"
		"}\n"},
};

static int
add_samples(struct verr *e)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct shim_text name = {
			samples[i].name, strlen(samples[i].name)};
		struct shim_text text = {
			samples[i].text, strlen(samples[i].text)};
		if (files_set(name, text, e) == -1)
			return -1;
	}
	return 0;
}

static int
start_engine(bool jit, struct verr *e)
{
	if (check_version(e) == -1)
		return -1;
	shim_start(&program_host, jit);
	struct shim_text script = {bootstrap_script,
		(size_t)((uintptr_t)bootstrap_script_end -
			(uintptr_t)bootstrap_script)};
	char why[150];
	if (add_samples(e) == -1)
		return -1;
	if (!shim_boot(script, why, sizeof(why)))
		return verr_set(e, VERR_BUG, 0, "bootstrap script: %s", why);
	return 0;
}

/* A child takes two descriptors here as long as it lives. */
static void
raise_descriptors(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int
prepare(char **argv, struct zygote *z, int64_t *ret_us, struct verr *e)
{
	bool jit;
	if (parse(argv, &jit, z, e) == -1 || share_mappings(e) == -1 ||
		jail_enter(e) == -1 || filter_make(jit, &z->filter, e) == -1)
		return -1;
	int64_t begin = now_us();
	if (start_engine(jit, e) == -1)
		return -1;
	*ret_us = now_us() - begin;
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != ISOLATE_ARGS) {
		fprintf(stderr,
			"vulcan-isolate is started by vulcan-runner; "
			"it is of no use by hand\n");
		return 2;
	}
	setenv("TZ", "UTC", 1);
	raise_descriptors();
	struct zygote z = {.control = ISOLATE_CONTROL_FD};
	struct verr e;
	int64_t ready_us;
	if (prepare(argv, &z, &ready_us, &e) == -1) {
		tell(ISOLATE_FAILED, 0, e.msg);
		return 1;
	}
	tell(ISOLATE_READY, ready_us, shim_version());
	if (zygote_serve(&z, &e) == -1) {
		fprintf(stderr, "vulcan-isolate: %s\n", e.msg);
		return 1;
	}
	return 0;
}
