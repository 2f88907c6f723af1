/* A submission: checks, the choice of a tier, files and the row. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blob.h"
#include "poison.h"
#include "submit.h"
#include "tiers.h"
#include "utf8.h"

/* Beyond its own time a run may wait this long for its turn. */
#define WAIT_QUEUE_MS 30000

#define ROW(word, text) \
	{ \
#word, text, offsetof(struct conf, word), \
			offsetof(struct run_limits, word) \
	}
const struct submit_limit_row submit_limit_table[SUBMIT_LIMITS] = {
	[SUBMIT_WALL_MS] = ROW(wall_ms, "Time, ms"),
	[SUBMIT_CPU_MS] = ROW(cpu_ms, "CPU time, ms"),
	[SUBMIT_MEMORY_MIB] = ROW(memory_mib, "Memory, MiB"),
	[SUBMIT_VCPUS] = ROW(vcpus, "CPUs"),
	[SUBMIT_PROCESSES] = ROW(processes, "Processes"),
	[SUBMIT_DISK_MIB] = ROW(disk_mib, "Disk, MiB"),
	[SUBMIT_OUTPUT_BYTES] = ROW(output_bytes, "Output, bytes"),
};

const struct conf_limit *
submit_limit_conf(const struct conf *c, enum submit_limit which)
{
	return (const struct conf_limit *)(const void *)((const char *)c +
		submit_limit_table[which].in_conf);
}

uint64_t *
submit_limit_field(struct run_limits *l, enum submit_limit which)
{
	return (uint64_t *)(void *)((char *)l +
		submit_limit_table[which].in_run);
}

void
submit_init(struct exchange *x, struct submission *s)
{
	*s = (struct submission){
		.args = "[]",
		.env = "{}",
		.labels = "{}",
		.idempotency_key = x->req.idempotency_key,
	};
	s->files = arena_array(
		x->arena, x->web->conf->files_max + 1, sizeof(s->files[0]));
}

bool
submit_name_ok(const char *name)
{
	size_t n = strlen(name);
	if (n == 0 || n > SUBMIT_NAME_BYTES || !utf8_valid(name, n))
		return false;
	for (const unsigned char *p = (const unsigned char *)name; *p; p++)
		if (*p < 0x20 || *p == 0x7f || *p == '\\')
			return false;
	for (const char *part = name;;) {
		size_t len = strcspn(part, "/");
		if (len == 0 || (len == 1 && part[0] == '.') ||
			(len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[len] == '\0')
			return true;
		part += len + 1;
	}
}

int
submit_add(struct exchange *x, struct submission *s, const char *field,
	const struct submit_file *f, struct verr *e)
{
	if (!submit_name_ok(f->name))
		return refuse_field(x, field,
			"a relative path such as lib/util.js, at most 255 "
			"bytes, without .. or backslashes",
			e, "this is not a name for a file");
	if (s->file_count == x->web->conf->files_max)
		return refuse_field(x, field, NULL, e,
			"a workload has at most %llu files",
			(unsigned long long)x->web->conf->files_max);
	s->files[s->file_count++] = *f;
	return 0;
}

/* The names by which a program of a runtime is found, best first. */
static const char *const *
conventions(enum runtime r)
{
	static const char *const js[] = {
		"index.js", "index.mjs", "index.cjs", NULL};
	static const char *const ts[] = {"index.ts", "index.mts", "index.cts",
		"index.tsx", "index.js", NULL};
	static const char *const python[] = {"main.py", NULL};
	static const char *const go[] = {"main.go", NULL};
	static const char *const c[] = {"main.c", NULL};
	static const char *const shell[] = {"main.sh", NULL};
	static const char *const image[] = {"main", NULL};
	switch (r) {
	case RUNTIME_JAVASCRIPT:
	case RUNTIME_NODE:
		return js;
	case RUNTIME_TYPESCRIPT:
		return ts;
	case RUNTIME_PYTHON:
		return python;
	case RUNTIME_GO:
		return go;
	case RUNTIME_C:
		return c;
	case RUNTIME_SHELL:
		return shell;
	case RUNTIME_OCI:
	case RUNTIME_COUNT:
		break;
	}
	return image;
}

static bool
has_file(const struct submission *s, const char *name)
{
	for (size_t i = 0; i < s->file_count; i++)
		if (s->files[i].name != NULL &&
			strcmp(s->files[i].name, name) == 0)
			return true;
	return false;
}

static int
find_entrypoint(struct exchange *x, struct submission *s, struct verr *e)
{
	const char *const *names = conventions(s->runtime_word);
	if (s->file_count == 0)
		return refuse_field(x, "code",
			"send `code`, or `files` with name and content", e,
			"there is nothing to run");
	if (s->entrypoint != NULL) {
		if (has_file(s, s->entrypoint))
			return 0;
		return refuse_field(x, "entrypoint",
			"it is the name of one of the files", e,
			"there is no file of this name");
	}
	for (size_t i = 0; names[i] != NULL; i++)
		if (has_file(s, names[i])) {
			s->entrypoint = names[i];
			return 0;
		}
	if (s->file_count == 1) {
		s->entrypoint = s->files[0].name;
		return 0;
	}
	return refuse_field(x, "entrypoint",
		arena_printf(x->arena, "call it %s or name it here", names[0]),
		e, "none of the files is where a %s program starts",
		runtime_text(s->runtime_word));
}

/*
 * The file that `code` alone makes has the name that is looked for first. Then
 * all names are known, and no two may be the same.
 */
static int
name_files(struct exchange *x, struct submission *s, struct verr *e)
{
	const char *const *names = conventions(s->runtime_word);
	for (size_t i = 0; i < s->file_count; i++)
		if (s->files[i].name == NULL)
			s->files[i].name = s->entrypoint != NULL ? s->entrypoint
								 : names[0];
	for (size_t i = 1; i < s->file_count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->files[i].name, s->files[k].name) == 0)
				return refuse_field(x, "files",
					"give every file a name of its own", e,
					"two files are called %s",
					s->files[i].name);
	return 0;
}

static int
check_runtime(struct exchange *x, struct submission *s, struct verr *e)
{
	static const char hint[] =
		"one of: javascript, typescript, node, python, go, c, shell";
	if (s->runtime == NULL)
		return refuse_field(
			x, "runtime", hint, e, "say which runtime it is for");
	if (!runtime_parse(s->runtime, &s->runtime_word))
		return refuse_field(
			x, "runtime", hint, e, "there is no such runtime");
	return 0;
}

static int
check_limits(struct exchange *x, struct submission *s, struct verr *e)
{
	for (int i = 0; i < SUBMIT_LIMITS; i++) {
		const struct conf_limit *c =
			submit_limit_conf(x->web->conf, (enum submit_limit)i);
		uint64_t v = s->limit[i] != 0 ? s->limit[i] : c->normal;
		const char *name = submit_limit_table[i].name;
		if (v > c->max)
			return refuse_field(x,
				arena_printf(x->arena, "limits.%s", name),
				arena_printf(x->arena, "ask for at most %llu",
					(unsigned long long)c->max),
				e, "%llu is more than %llu, the most here",
				(unsigned long long)v,
				(unsigned long long)c->max);
		*submit_limit_field(&s->limits, (enum submit_limit)i) = v;
	}
	return 0;
}

/* Every part with its length before it, so that no two sets look alike. */
static void
hash_part(crypto_hash_sha256_state *st, const void *p, size_t n)
{
	uint64_t len = n;
	crypto_hash_sha256_update(st, (const unsigned char *)&len, sizeof(len));
	crypto_hash_sha256_update(st, p, n);
}

static void
hash_text(crypto_hash_sha256_state *st, const char *text)
{
	if (text == NULL)
		text = "";
	hash_part(st, text, strlen(text));
}

static void
hash_done(crypto_hash_sha256_state *st, char out[DB_TOKEN_BYTES])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_final(st, hash);
	sodium_bin2hex(out, DB_TOKEN_BYTES, hash, sizeof(hash));
}

static void
hash_all(const struct submission *s, char code[DB_TOKEN_BYTES],
	char input[DB_TOKEN_BYTES])
{
	crypto_hash_sha256_state st;
	crypto_hash_sha256_init(&st);
	hash_text(&st, s->runtime);
	hash_text(&st, s->entrypoint);
	for (size_t i = 0; i < s->file_count; i++) {
		hash_text(&st, s->files[i].name);
		hash_text(&st, s->files[i].sha256);
	}
	hash_done(&st, code);
	crypto_hash_sha256_init(&st);
	hash_text(&st, code);
	hash_text(&st, s->isolation);
	hash_text(&st, s->args);
	hash_text(&st, s->env);
	hash_text(&st, s->input != NULL ? "input" : "");
	hash_text(&st, s->input);
	hash_part(
		&st, s->stdin_data != NULL ? s->stdin_data : "", s->stdin_len);
	for (int i = 0; i < SUBMIT_LIMITS; i++) {
		struct run_limits l = s->limits;
		uint64_t v = *submit_limit_field(&l, (enum submit_limit)i);
		hash_part(&st, &v, sizeof(v));
	}
	hash_done(&st, input);
}

static const struct db_file *
keep_files(struct exchange *x, struct submission *s, struct verr *e)
{
	struct db_file *rows =
		arena_array(x->arena, s->file_count, sizeof(*rows));
	for (size_t i = 0; i < s->file_count; i++) {
		struct submit_file *f = &s->files[i];
		if (blob_keep(x, f, e) == -1)
			return NULL;
		rows[i] = (struct db_file){
			.name = f->name,
			.content = f->data,
			.size_bytes = f->len,
			.sha256 = f->sha256,
		};
	}
	return rows;
}

/* A queue that is full or a key used twice is no fault of the fields. */
static int
explain(struct exchange *x, struct verr *e)
{
	if (e->kind == VERR_LIMIT) {
		x->refused = 503;
		x->retry_after_s = 5;
		field_hint(&x->field, "try again when some have ended");
	} else if (e->kind == VERR_INPUT && e->sys == EEXIST) {
		x->refused = 409;
		field_hint(&x->field,
			"a new workload needs a new Idempotency-Key");
	}
	return -1;
}

int
submit_accept(struct exchange *x, struct submission *s,
	char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	if (s->isolation == NULL)
		s->isolation = "auto";
	if (check_runtime(x, s, e) == -1)
		return -1;
	if (name_files(x, s, e) == -1)
		return -1;
	if (tiers_route(x, s, e) == -1 || find_entrypoint(x, s, e) == -1 ||
		check_limits(x, s, e) == -1)
		return -1;
	const struct db_file *files = keep_files(x, s, e);
	if (files == NULL)
		return -1;
	char code_hash[DB_TOKEN_BYTES], input_hash[DB_TOKEN_BYTES];
	hash_all(s, code_hash, input_hash);
	const struct db_submission row = {
		.user_id = x->who.user_id,
		.isolation = s->tier,
		.isolation_requested = s->isolation,
		.routing = s->routing,
		.runtime = s->runtime_word,
		.entrypoint = s->entrypoint,
		.args = s->args,
		.env = s->env,
		.input = s->input,
		.stdin_data = s->stdin_data,
		.stdin_len = s->stdin_len,
		.labels = s->labels,
		.network = "none",
		.priority = s->priority,
		.limits = s->limits,
		.input_hash = input_hash,
		.code_hash = code_hash,
		.idempotency_key = s->idempotency_key,
		.files = files,
		.file_count = s->file_count,
	};
	int r = db_workload_insert(
		x->web->db, &row, x->web->conf->queue_max, ret_id, e);
	return r == -1 ? explain(x, e) : r;
}

uint64_t
submit_wait_ms(const struct submission *s)
{
	return s->limits.wall_ms + WAIT_QUEUE_MS;
}
