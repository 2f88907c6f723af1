/* A submission, from a form or the API to an accepted row. */
#ifndef SUBMIT_H
#define SUBMIT_H

#include "exchange.h"

#define SUBMIT_INLINE_BYTES 65536 /* larger files go to STATE/blobs */
#define SUBMIT_NAME_BYTES 255
#define SUBMIT_ARGS_MAX 256
#define SUBMIT_ENV_MAX 256
#define SUBMIT_LABELS_MAX 32
#define SUBMIT_TEXT_BYTES 65536 /* of all args, of all of env */

enum submit_limit {
	SUBMIT_WALL_MS,
	SUBMIT_CPU_MS,
	SUBMIT_MEMORY_MIB,
	SUBMIT_VCPUS,
	SUBMIT_PROCESSES,
	SUBMIT_DISK_MIB,
	SUBMIT_OUTPUT_BYTES,
	SUBMIT_LIMITS
};
struct submit_limit_row {
	const char *name; /* as in api.md */
	const char *label; /* for a form */
	size_t in_conf; /* offset of struct conf_limit in struct conf */
	size_t in_run; /* offset of the field in struct run_limits */
};
extern const struct submit_limit_row submit_limit_table[SUBMIT_LIMITS];
const struct conf_limit *submit_limit_conf(
	const struct conf *, enum submit_limit);
uint64_t *submit_limit_field(struct run_limits *, enum submit_limit);

/* One file; where its bytes are: in memory, in an open file, or kept. */
struct submit_file {
	const char *name;
	const void *data; /* NULL: fd, or kept already */
	size_t len;
	int fd; /* borrowed; -1 */
	const char *sha256; /* NULL until known */
};

/* Strings live in the arena or in the body. NULL: not given. */
struct submission {
	const char *runtime;
	const char *isolation;
	struct submit_file *files; /* room for conf.files_max + 1 */
	size_t file_count;
	const char *entrypoint;
	const char *args; /* JSON list */
	const char *env; /* JSON object */
	const char *labels; /* JSON object */
	const char *input; /* JSON */
	const void *stdin_data;
	size_t stdin_len;
	int64_t priority;
	uint64_t limit[SUBMIT_LIMITS]; /* 0: the default */
	const char *idempotency_key;

	/* Filled in by submit_accept. */
	enum runtime runtime_word;
	enum tier tier;
	const char *routing;
	struct run_limits limits;
};

void submit_init(struct exchange *, struct submission *);

/* Adds a file whose bytes are in memory or in fd; the name is checked. */
int submit_add(struct exchange *, struct submission *, const char *field,
	const struct submit_file *, struct verr *);

/* The JSON body of POST /v1/workloads; `body` outlives the submission. */
int submit_from_json(struct exchange *, const cJSON *body, struct submission *,
	struct verr *);

/* The form of the page; takes its files from x->upload. */
int submit_from_form(struct exchange *, struct submission *, struct verr *);

/* What an earlier workload was given: 404 when it is not this user's. */
int submit_from_workload(
	struct exchange *, const char *id, struct submission *, struct verr *);

/*
 * Checks what is left, chooses the tier, keeps the files and writes the row,
 * durably: 1 new, 0 this idempotency key was accepted before. Rings nobody.
 */
int submit_accept(struct exchange *, struct submission *,
	char ret_id[ULID_TEXT_BYTES], struct verr *);

/* How long to wait for the result of what was just accepted. */
uint64_t submit_wait_ms(const struct submission *);

/*
 * Whether text may name a file of a program: relative, no empty, "." or ".."
 * part, no NUL, backslash or control character, UTF-8, at most 255 bytes.
 */
bool submit_name_ok(const char *name);

#endif
