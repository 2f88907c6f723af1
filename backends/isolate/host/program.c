/* One run inside its jailed process: frames in, program, frames out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "files.h"
#include "poison.h"
#include "program.h"
#include "utf8.h"
#include "wire.h"

#define EXIT_PROTOCOL 110 /* process status: the keeper spoke wrongly */
#define EXIT_UNSETTLED 13 /* exit code: ended before its promise did */
#define MIB ((size_t)1 << 20)
/* Room above the heap and buffers before the kernel refuses memory. */
#define DATA_SLACK_MIB 512

static int channel = -1;

/* One frame is one write, so that it goes out whole. */
static unsigned char frame[WIRE_HEADER_BYTES + WIRE_CHUNK_BYTES];

static void
put(const void *data, size_t n)
{
	const char *p = data;
	while (n > 0) {
		ssize_t w = write(channel, p, n);
		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			_exit(EXIT_PROTOCOL);
		p += w;
		n -= (size_t)w;
	}
}

static void
put_small(enum wire_type type, const void *data, size_t n)
{
	wire_header(type, n, frame);
	if (n > 0)
		memcpy(frame + WIRE_HEADER_BYTES, data, n);
	put(frame, WIRE_HEADER_BYTES + n);
}

static void
host_write(bool to_stderr, struct shim_text said)
{
	while (said.len > 0) {
		size_t n = utf8_cut(said.data, said.len, WIRE_CHUNK_BYTES);
		put_small(to_stderr ? WIRE_STDERR : WIRE_STDOUT, said.data, n);
		said.data += n;
		said.len -= n;
	}
}

static void
host_error(struct shim_text said)
{
	size_t max = wire_type_max(WIRE_ERROR);
	if (max > WIRE_CHUNK_BYTES)
		max = WIRE_CHUNK_BYTES;
	put_small(WIRE_ERROR, said.data, utf8_cut(said.data, said.len, max));
}

/* The last frames in one write; the process ends with them. */
static _Noreturn void
end(int code, const char *meta, size_t meta_len)
{
	unsigned char last[2 * WIRE_HEADER_BYTES + 512 + 4];
	size_t n = 0;
	if (meta_len > 0) {
		wire_header(WIRE_META, meta_len, last);
		memcpy(last + WIRE_HEADER_BYTES, meta, meta_len);
		n = WIRE_HEADER_BYTES + meta_len;
	}
	wire_header(WIRE_EXIT, 4, last + n);
	n += WIRE_HEADER_BYTES;
	for (int i = 0; i < 4; i++)
		last[n++] = (unsigned char)((uint32_t)code >> (8 * i));
	put(last, n);
	_exit(0);
}

static void
host_exit(int code)
{
	uint64_t used, limit;
	shim_heap(&used, &limit);
	char meta[512];
	int n = snprintf(meta, sizeof(meta),
		"heap-used-kib=%llu\nheap-limit-kib=%llu\n%s",
		(unsigned long long)used, (unsigned long long)limit,
		code != 0 && shim_budget_hit() ? "struck=memory\n" : "");
	end(code, meta, (size_t)n);
}

static void
out_of_memory(const char *what)
{
	char said[200];
	int n = snprintf(said, sizeof(said),
		"The program needed more memory than it may have (%s)", what);
	put_small(WIRE_ERROR, said, (size_t)n);
	static const char meta[] = "struck=memory\n";
	end(1, meta, sizeof(meta) - 1);
}

static void
fatal(const char *where, const char *what)
{
	char said[400];
	int n = snprintf(
		said, sizeof(said), "The engine gave up: %s: %s", where, what);
	if (n >= (int)sizeof(said))
		n = (int)sizeof(said) - 1;
	put_small(WIRE_ERROR, said, (size_t)n);
	__builtin_trap();
}

static void
host_output(struct shim_text json)
{
	if (json.len > wire_type_max(WIRE_OUTPUT)) {
		static const char said[] =
			"The result is longer than a result may be (32 MiB)";
		put_small(WIRE_ERROR, said, sizeof(said) - 1);
		host_exit(1);
	}
	unsigned char header[WIRE_HEADER_BYTES];
	wire_header(WIRE_OUTPUT, json.len, header);
	if (json.len <= WIRE_CHUNK_BYTES) {
		put_small(WIRE_OUTPUT, json.data, json.len);
		return;
	}
	put(header, sizeof(header));
	put(json.data, json.len);
}

static void
host_random(void *data, size_t n)
{
	char *p = data;
	while (n > 0) {
		ssize_t got = getrandom(p, n < 256 ? n : 256, 0);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			fatal("getrandom", "no random numbers");
		p += got;
		n -= (size_t)got;
	}
}

static int64_t
host_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

const struct shim_host program_host = {
	.file = files_get,
	.resolve = files_resolve,
	.write = host_write,
	.output = host_output,
	.error = host_error,
	.random = host_random,
	.now_ns = host_now_ns,
	.exit = host_exit,
	.out_of_memory = out_of_memory,
	.fatal = fatal,
};

/* The run as it was received; one process has one. */
struct received {
	struct shim_text spec, compiled, input, standard_input;
};

static int
keep(struct shim_text *where, const struct wire_frame *f, struct verr *e)
{
	if (where->data != NULL)
		return verr_set(e, VERR_PROTO, 0, "frame '%s' twice",
			wire_type_text(f->type));
	char *copy = malloc(f->len + 1);
	if (copy == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "a frame");
	memcpy(copy, f->data, f->len);
	copy[f->len] = '\0';
	*where = (struct shim_text){copy, f->len};
	return 0;
}

static int
take(struct received *r, const struct wire_frame *f, struct verr *e)
{
	if (f->type == WIRE_SPEC)
		return keep(&r->spec, f, e);
	if (f->type == WIRE_COMPILED)
		return keep(&r->compiled, f, e);
	if (f->type == WIRE_INPUT)
		return keep(&r->input, f, e);
	if (f->type == WIRE_STDIN)
		return keep(&r->standard_input, f, e);
	if (f->type == WIRE_FILE)
		return files_add(f->data, f->len, e);
	return verr_set(e, VERR_PROTO, 0, "frame '%s' has no place here",
		wire_type_text(f->type));
}

/* The engine's limits first, for their better message; then the kernel's. */
static void
set_limits(size_t memory_mib)
{
	shim_limits(memory_mib * MIB, memory_mib * MIB);
	struct rlimit l;
	l.rlim_cur = l.rlim_max = (memory_mib + DATA_SLACK_MIB) * MIB;
	if (setrlimit(RLIMIT_DATA, &l) == -1)
		_exit(EXIT_PROTOCOL);
}

/* What the host itself must know of the specification. */
static int
read_spec(const struct received *r, struct verr *e)
{
	cJSON *spec = cJSON_ParseWithLength(r->spec.data, r->spec.len);
	const cJSON *limits = cJSON_GetObjectItem(spec, "limits");
	const cJSON *memory = cJSON_GetObjectItem(limits, "memory_mib");
	const cJSON *entry = cJSON_GetObjectItem(spec, "entrypoint");
	int result = 0;
	if (!cJSON_IsNumber(memory) || memory->valuedouble < 1 ||
		memory->valuedouble > (1 << 20) || !cJSON_IsString(entry))
		result = verr_set(e, VERR_PROTO, 0, "a bad specification");
	if (result == 0)
		set_limits((size_t)memory->valuedouble);
	if (result == 0 && r->compiled.data != NULL) {
		const char *name = strdup(entry->valuestring);
		result = name == NULL
			? verr_set(e, VERR_HOST, ENOMEM, "the program")
			: files_set((struct shim_text){name, strlen(name)},
				  r->compiled, e);
	}
	cJSON_Delete(spec);
	return result;
}

static int
receive(struct received *r, struct verr *e)
{
	struct wire_reader reader;
	wire_reader_init(&reader, channel, WIRE_TO_GUEST);
	for (;;) {
		struct wire_frame f;
		int got = wire_read(&reader, &f, e);
		if (got == 0)
			_exit(0);
		if (got == -1)
			return -1;
		if (f.type == WIRE_GO)
			break;
		if (take(r, &f, e) == -1)
			return -1;
	}
	wire_reader_done(&reader);
	return read_spec(r, e);
}

static void
run_to_end(void)
{
	for (;;) {
		int64_t due = shim_turn();
		if (due == -1)
			break;
		struct timespec t = {.tv_sec = due / 1000000000,
			.tv_nsec = due % 1000000000};
		if (due > host_now_ns())
			clock_nanosleep(
				CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	if (shim_settled())
		host_exit(0);
	static const char said[] = "The program ended while its promise was "
				   "pending and nothing was left to settle it";
	put_small(WIRE_ERROR, said, sizeof(said) - 1);
	host_exit(EXIT_UNSETTLED);
	_exit(EXIT_PROTOCOL);
}

void
program_serve(int fd)
{
	channel = fd;
	put_small(WIRE_READY, NULL, 0);
	/* What the zygote warmed itself up with is no file of the run. */
	files_clear();
	struct received r = {0};
	struct verr e;
	if (receive(&r, &e) == -1) {
		put_small(WIRE_ERROR, e.msg, strlen(e.msg));
		_exit(EXIT_PROTOCOL);
	}
	shim_run(r.spec, r.compiled, r.input, r.standard_input);
	run_to_end();
	_exit(EXIT_PROTOCOL);
}
