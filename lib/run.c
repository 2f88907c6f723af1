/* What a run leaves, as lines of key=value between keeper and queue. */
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "num.h"
#include "poison.h"
#include "run.h"
#include "utf8.h"

/* Every whole number of a result that is not a phase: key, place, most. */
struct number {
	const char *key;
	size_t offset;
	uint64_t max;
};
#define NUMBER(field, most) \
	{ \
#field, offsetof(struct run_result, field), most \
	}
/* What a column of SQLite can hold. */
#define STORED_MAX ((uint64_t)INT64_MAX)

static const struct number numbers[] = {
	NUMBER(limit_value, STORED_MAX),
	NUMBER(limit_setting, STORED_MAX),
	NUMBER(cpu_us, STORED_MAX),
	NUMBER(wall_us, STORED_MAX),
	NUMBER(memory_peak_kib, STORED_MAX),
	NUMBER(stdout_bytes, STORED_MAX),
	NUMBER(stderr_bytes, STORED_MAX),
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* Keys that are not in `numbers`. */
enum word_key {
	KEY_REASON,
	KEY_EXIT_CODE,
	KEY_SIGNAL,
	KEY_ENGINE,
	KEY_SANDBOX,
	KEY_LIMIT_NAME,
	KEY_STDOUT_TRUNCATED,
	KEY_STDERR_TRUNCATED,
	KEY_COUNT
};
static const char *const word_keys[] = {
	[KEY_REASON] = "reason",
	[KEY_EXIT_CODE] = "exit_code",
	[KEY_SIGNAL] = "signal",
	[KEY_ENGINE] = "engine",
	[KEY_SANDBOX] = "sandbox",
	[KEY_LIMIT_NAME] = "limit_name",
	[KEY_STDOUT_TRUNCATED] = "stdout_truncated",
	[KEY_STDERR_TRUNCATED] = "stderr_truncated",
};
_Static_assert(sizeof(word_keys) / sizeof(word_keys[0]) == KEY_COUNT,
	"a name for every key");

static bool
meta_key_valid(const char *key, size_t n)
{
	if (n == 0 || n >= RUN_META_KEY_BYTES)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!(key[i] >= 'a' && key[i] <= 'z') &&
			!(key[i] >= '0' && key[i] <= '9') && key[i] != '-')
			return false;
	return true;
}

/* Bytes of value that may be kept: well-formed text without controls. */
static size_t
printable(const char *value, size_t n, size_t max)
{
	size_t kept = 0;
	while (kept < n) {
		unsigned char c = (unsigned char)value[kept];
		size_t step = utf8_step(value + kept, n - kept);
		if (step == 0 || c < 0x20 || c == 0x7f || kept + step > max)
			break;
		kept += step;
	}
	return kept;
}

static struct run_meta *
meta_find(struct run_result *r, const char *key, size_t n)
{
	for (size_t i = 0; i < r->meta_count; i++)
		if (strlen(r->meta[i].key) == n &&
			memcmp(r->meta[i].key, key, n) == 0)
			return &r->meta[i];
	return NULL;
}

static int
meta_put(struct run_result *r, const char *key, size_t key_len,
	const char *value, size_t value_len, struct verr *e)
{
	if (!meta_key_valid(key, key_len))
		return verr_set(e, VERR_INPUT, 0,
			"metadata key '%.*s': use up to %d of a-z 0-9 -",
			(int)(key_len < 48 ? key_len : 48), key,
			RUN_META_KEY_BYTES - 1);
	struct run_meta *m = meta_find(r, key, key_len);
	if (m == NULL && r->meta_count == RUN_META_MAX)
		return verr_set(e, VERR_LIMIT, 0,
			"metadata of more than %d keys", RUN_META_MAX);
	if (m == NULL)
		m = &r->meta[r->meta_count++];
	memcpy(m->key, key, key_len);
	m->key[key_len] = '\0';
	size_t kept = printable(value, value_len, sizeof(m->value) - 1);
	memcpy(m->value, value, kept);
	m->value[kept] = '\0';
	return 0;
}

int
run_meta_set(struct run_result *r, const char *key, const char *value,
	struct verr *e)
{
	return meta_put(r, key, strlen(key), value, strlen(value), e);
}

int
run_meta_setf(struct run_result *r, struct verr *e, const char *key,
	const char *fmt, ...)
{
	char value[RUN_META_VALUE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (n < 0)
		return verr_set(e, VERR_BUG, 0, "format '%s'", fmt);
	return run_meta_set(r, key, value, e);
}

static uint64_t *
number_at(const struct number *n, struct run_result *r)
{
	return (uint64_t *)(void *)((char *)r + n->offset);
}

static int
encode_words(const struct run_result *r, struct buf *out, struct verr *e)
{
	if (buf_addf(out, e, "reason=%s\nsandbox=%s\n", reason_text(r->reason),
		    warmth_text(r->warmth)) == -1)
		return -1;
	if (r->exited &&
		buf_addf(out, e, "exit_code=%" PRId32 "\n", r->exit_code) == -1)
		return -1;
	if (r->signal != 0 && buf_addf(out, e, "signal=%d\n", r->signal) == -1)
		return -1;
	if (r->engine[0] != '\0' &&
		buf_addf(out, e, "engine=%s\n", r->engine) == -1)
		return -1;
	if (r->limit_name[0] != '\0' &&
		buf_addf(out, e, "limit_name=%s\n", r->limit_name) == -1)
		return -1;
	return buf_addf(out, e, "stdout_truncated=%d\nstderr_truncated=%d\n",
		r->stdout_truncated, r->stderr_truncated);
}

int
run_result_encode(const struct run_result *r, struct buf *out, struct verr *e)
{
	if (encode_words(r, out, e) == -1)
		return -1;
	for (size_t i = 0; i < NUMBERS; i++) {
		uint64_t v;
		memcpy(&v, (const char *)r + numbers[i].offset, sizeof(v));
		if (buf_addf(out, e, "%s=%" PRIu64 "\n", numbers[i].key,
			    v < numbers[i].max ? v : numbers[i].max) == -1)
			return -1;
	}
	for (int i = 0; i < PHASE_COUNT; i++)
		if (r->phase_seen[i] &&
			buf_addf(out, e, "phase-%s=%" PRIu64 "\n",
				phase_text((enum phase)i),
				r->phase_ns[i]) == -1)
			return -1;
	for (size_t i = 0; i < r->meta_count; i++)
		if (buf_addf(out, e, "meta-%s=%s\n", r->meta[i].key,
			    r->meta[i].value) == -1)
			return -1;
	return 0;
}

/* One line under way: the key and the value, neither ends with a NUL. */
struct line {
	const char *key;
	size_t key_len;
	const char *value;
	size_t value_len;
};

struct decoding {
	struct run_result result;
	bool number_seen[NUMBERS];
	bool word_seen[KEY_COUNT];
};

static bool
key_is(const struct line *l, const char *key)
{
	return strlen(key) == l->key_len &&
		memcmp(l->key, key, l->key_len) == 0;
}

static int
bad(const struct line *l, const char *what, struct verr *e)
{
	return verr_set(e, VERR_PROTO, 0, "result line '%.*s': %s",
		(int)(l->key_len < 48 ? l->key_len : 48), l->key, what);
}

static int
take_u64(const struct line *l, uint64_t max, uint64_t *ret, struct verr *e)
{
	struct verr why;
	if (num_u64(l->value, l->value_len, 0, max, "value", ret, &why) == -1)
		return bad(l, why.msg, e);
	return 0;
}

static int
take_bool(const struct line *l, bool *ret, struct verr *e)
{
	uint64_t v;
	if (take_u64(l, 1, &v, e) == -1)
		return -1;
	*ret = v == 1;
	return 0;
}

/* A name: printable, not empty, shorter than room. */
static int
take_name(const struct line *l, char *out, size_t room, struct verr *e)
{
	if (l->value_len == 0 ||
		printable(l->value, l->value_len, room - 1) != l->value_len)
		return bad(l, "not a name of permitted length", e);
	memcpy(out, l->value, l->value_len);
	out[l->value_len] = '\0';
	return 0;
}

static int
take_exit_code(const struct line *l, struct run_result *r, struct verr *e)
{
	bool negative = l->value_len > 0 && l->value[0] == '-';
	struct line digits = *l;
	digits.value += negative;
	digits.value_len -= negative;
	uint64_t v;
	if (take_u64(&digits, (uint64_t)INT32_MAX + negative, &v, e) == -1)
		return -1;
	r->exit_code = (int32_t)(negative ? -(int64_t)v : (int64_t)v);
	r->exited = true;
	return 0;
}

static int
take_word(enum word_key key, const struct line *l, struct run_result *r,
	struct verr *e)
{
	char word[16] = "";
	uint64_t v;
	if (key == KEY_REASON || key == KEY_SANDBOX) {
		if (l->value_len >= sizeof(word) ||
			memchr(l->value, '\0', l->value_len) != NULL)
			return bad(l, "unknown word", e);
		memcpy(word, l->value, l->value_len);
	}
	switch (key) {
	case KEY_REASON:
		return reason_parse(word, &r->reason) == 1
			? 0
			: bad(l, "unknown word", e);
	case KEY_SANDBOX:
		return warmth_parse(word, &r->warmth) == 1
			? 0
			: bad(l, "unknown word", e);
	case KEY_EXIT_CODE:
		return take_exit_code(l, r, e);
	case KEY_SIGNAL:
		if (take_u64(l, SIGRTMAX, &v, e) == -1)
			return -1;
		r->signal = (int)v;
		return v != 0 ? 0 : bad(l, "there is no signal 0", e);
	case KEY_ENGINE:
		return take_name(l, r->engine, sizeof(r->engine), e);
	case KEY_LIMIT_NAME:
		return take_name(l, r->limit_name, sizeof(r->limit_name), e);
	case KEY_STDOUT_TRUNCATED:
		return take_bool(l, &r->stdout_truncated, e);
	case KEY_STDERR_TRUNCATED:
		return take_bool(l, &r->stderr_truncated, e);
	case KEY_COUNT:
		break;
	}
	return verr_set(e, VERR_BUG, 0, "result key without a rule");
}

static int
take_phase(const struct line *l, struct run_result *r, struct verr *e)
{
	for (int i = 0; i < PHASE_COUNT; i++) {
		if (!key_is(l, phase_text((enum phase)i)))
			continue;
		if (r->phase_seen[i])
			return bad(l, "given twice", e);
		r->phase_seen[i] = true;
		return take_u64(l, STORED_MAX, &r->phase_ns[i], e);
	}
	return bad(l, "unknown phase", e);
}

static int
take_meta(const struct line *l, struct run_result *r, struct verr *e)
{
	if (meta_find(r, l->key, l->key_len) != NULL)
		return bad(l, "given twice", e);
	if (printable(l->value, l->value_len, RUN_META_VALUE_BYTES - 1) !=
		l->value_len)
		return bad(l, "too long or not plain text", e);
	struct verr why;
	if (meta_put(r, l->key, l->key_len, l->value, l->value_len, &why) == -1)
		return bad(l, why.msg, e);
	return 0;
}

/* Removes a prefix of the key; false when it is not there. */
static bool
without(struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);
	if (l->key_len < n || memcmp(l->key, prefix, n) != 0)
		return false;
	l->key += n;
	l->key_len -= n;
	return true;
}

static int
take_line(struct line *l, struct decoding *d, struct verr *e)
{
	for (size_t i = 0; i < NUMBERS; i++) {
		if (!key_is(l, numbers[i].key))
			continue;
		if (d->number_seen[i])
			return bad(l, "given twice", e);
		d->number_seen[i] = true;
		return take_u64(l, numbers[i].max,
			number_at(&numbers[i], &d->result), e);
	}
	for (int i = 0; i < KEY_COUNT; i++) {
		if (!key_is(l, word_keys[i]))
			continue;
		if (d->word_seen[i])
			return bad(l, "given twice", e);
		d->word_seen[i] = true;
		return take_word((enum word_key)i, l, &d->result, e);
	}
	if (without(l, "phase-"))
		return take_phase(l, &d->result, e);
	if (without(l, "meta-"))
		return take_meta(l, &d->result, e);
	return bad(l, "unknown key", e);
}

int
run_result_decode(
	const void *data, size_t len, struct run_result *ret, struct verr *e)
{
	struct decoding d = {0};
	const char *text = data;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		if (end == NULL)
			return verr_set(e, VERR_PROTO, 0,
				"the result's last line is cut short");
		struct line l = {.key = text + at};
		const char *equals = memchr(l.key, '=', (size_t)(end - l.key));
		if (equals == NULL)
			return verr_set(
				e, VERR_PROTO, 0, "a result line without '='");
		l.key_len = (size_t)(equals - l.key);
		l.value = equals + 1;
		l.value_len = (size_t)(end - l.value);
		if (take_line(&l, &d, e) == -1)
			return -1;
		at = (size_t)(end - text) + 1;
	}
	if (!d.word_seen[KEY_REASON] || !d.word_seen[KEY_SANDBOX])
		return verr_set(e, VERR_PROTO, 0,
			"a result without its reason or sandbox");
	*ret = d.result;
	return 0;
}

const char *
run_signal_text(int signal, char room[16])
{
	const char *name = signal > 0 ? sigabbrev_np(signal) : NULL;
	if (name != NULL)
		snprintf(room, 16, "SIG%.12s", name);
	else
		snprintf(room, 16, "SIG%d", signal);
	return room;
}

void
run_limits_write(struct json *j, const struct run_limits *l)
{
	json_key(j, "limits");
	json_object(j);
	json_key_u64(j, "wall_ms", l->wall_ms);
	json_key_u64(j, "cpu_ms", l->cpu_ms);
	json_key_u64(j, "memory_mib", l->memory_mib);
	json_key_u64(j, "vcpus", l->vcpus);
	json_key_u64(j, "processes", l->processes);
	json_key_u64(j, "disk_mib", l->disk_mib);
	json_key_u64(j, "output_bytes", l->output_bytes);
	json_object_end(j);
}
