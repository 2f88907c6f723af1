/*
 * JSON request bodies: read strictly, and taken apart by name.
 *
 * cJSON forgives much (numbers, control characters, text behind the value) and
 * has its own idea of depth, so the text is first held against the grammar of
 * RFC 8259 by the scanner here, without memory; what passes goes to cJSON.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body_json.h"
#include "poison.h"
#include "utf8.h"

struct span {
	const char *at;
	size_t len;
};

struct scan {
	const char *text;
	size_t len;
	size_t at;
	const struct body_json_limits *limits;
	size_t items;
	unsigned depth;
	/* Names of the members around `at`; raw, as the text has them. */
	struct span names[BODY_JSON_DEPTH_MAX + 1];
	struct field_error *field;
	struct verr *e;
	/* For body_json_span. */
	const char *wanted;
	struct span found;
};

/* "limits.wall_ms" from the names around the place. */
static void
place_name(const struct scan *s, char out[FIELD_NAME_BYTES])
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 0; i <= s->depth && n < FIELD_NAME_BYTES; i++) {
		const struct span *name = &s->names[i];
		if (name->len == 0)
			continue;
		int len = name->len < FIELD_NAME_BYTES ? (int)name->len
						       : FIELD_NAME_BYTES;
		n += (size_t)snprintf(out + n, FIELD_NAME_BYTES - n, "%s%.*s",
			n > 0 ? "." : "", len, name->at);
	}
}

static int
wrong(struct scan *s, enum verr_kind kind, const char *why)
{
	size_t line = 1, column = 1;
	for (size_t i = 0; i < s->at && i < s->len; i++) {
		column++;
		if (s->text[i] == '\n') {
			line++;
			column = 1;
		}
	}
	char name[FIELD_NAME_BYTES];
	place_name(s, name);
	field_refuse(s->field, s->e, name, "JSON line %zu, column %zu: %s",
		line, column, why);
	s->e->kind = kind;
	return -1;
}

static int
peek(const struct scan *s)
{
	return s->at < s->len ? (unsigned char)s->text[s->at] : -1;
}

static void
space(struct scan *s)
{
	while (s->at < s->len && strchr(" \t\n\r", s->text[s->at]) != NULL &&
		s->text[s->at] != '\0')
		s->at++;
}

/* Four hexadecimal digits; -1 when they are not there. */
static int
hex4(const struct scan *s, size_t at)
{
	int v = 0;
	for (size_t i = at; i < at + 4; i++) {
		char c = i < s->len ? s->text[i] : '\0';
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* at is at the backslash; moves past the escape. */
static int
scan_escape(struct scan *s)
{
	char c = s->at + 1 < s->len ? s->text[s->at + 1] : '\0';
	if (c != '\0' && strchr("\"\\/bfnrt", c) != NULL) {
		s->at += 2;
		return 0;
	}
	int v = c == 'u' ? hex4(s, s->at + 2) : -1;
	if (v < 0)
		return wrong(s, VERR_INPUT, "an escape that JSON has not");
	if (v == 0)
		return wrong(s, VERR_INPUT, "\\u0000 is not permitted");
	if (v >= 0xdc00 && v <= 0xdfff)
		return wrong(s, VERR_INPUT, "half of a surrogate pair");
	if (v >= 0xd800 && v <= 0xdbff) {
		bool pair = s->at + 7 < s->len && s->text[s->at + 6] == '\\' &&
			s->text[s->at + 7] == 'u';
		int low = pair ? hex4(s, s->at + 8) : -1;
		if (low < 0xdc00 || low > 0xdfff)
			return wrong(s, VERR_INPUT, "half of a surrogate pair");
		s->at += 6;
	}
	s->at += 6;
	return 0;
}

/* at is at the opening quote; *ret is what stands between the quotes. */
static int
scan_string(struct scan *s, struct span *ret)
{
	size_t start = ++s->at;
	for (;;) {
		int c = peek(s);
		if (c == -1)
			return wrong(
				s, VERR_INPUT, "the text ends in a string");
		if (c == '"')
			break;
		if (c < 0x20)
			return wrong(s, VERR_INPUT,
				"a control character in a string");
		if (c == '\\') {
			if (scan_escape(s) == -1)
				return -1;
			continue;
		}
		size_t step = utf8_step(s->text + s->at, s->len - s->at);
		if (step == 0)
			return wrong(s, VERR_INPUT, "bytes that are not UTF-8");
		s->at += step;
	}
	*ret = (struct span){s->text + start, s->at - start};
	s->at++;
	return 0;
}

static size_t
scan_digits(struct scan *s)
{
	size_t start = s->at;
	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at - start;
}

#define NUMBER_BYTES 64 /* cJSON reads no more than 63 of them */

static int
scan_number(struct scan *s)
{
	size_t start = s->at;
	if (peek(s) == '-')
		s->at++;
	bool zero = peek(s) == '0';
	size_t n = scan_digits(s);
	if (n == 0 || (zero && n > 1))
		return wrong(s, VERR_INPUT, "a malformed number");
	if (peek(s) == '.') {
		s->at++;
		if (scan_digits(s) == 0)
			return wrong(s, VERR_INPUT, "a malformed number");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (scan_digits(s) == 0)
			return wrong(s, VERR_INPUT, "a malformed number");
	}
	char room[NUMBER_BYTES];
	n = s->at - start;
	if (n >= sizeof(room))
		return wrong(s, VERR_INPUT, "a number of more than 63 digits");
	memcpy(room, s->text + start, n);
	room[n] = '\0';
	if (!isfinite(strtod(room, NULL)))
		return wrong(s, VERR_INPUT, "a number that is out of range");
	return 0;
}

static int
scan_word(struct scan *s)
{
	static const char *const words[] = {"true", "false", "null"};
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if (s->len - s->at >= n &&
			memcmp(s->text + s->at, words[i], n) == 0) {
			s->at += n;
			return 0;
		}
	}
	return wrong(s, VERR_INPUT,
		s->at == s->len ? "the text ends where a value should be"
				: "not a JSON value");
}

static int scan_value(struct scan *);

/* name may hold escapes: "\\u0061" is "a". */
static bool
name_is(const struct span *name, const char *wanted)
{
	if (memchr(name->at, '\\', name->len) == NULL)
		return strlen(wanted) == name->len &&
			memcmp(wanted, name->at, name->len) == 0;
	cJSON v_autocjson *text =
		cJSON_ParseWithLength(name->at - 1, name->len + 2);
	return cJSON_IsString(text) && strcmp(text->valuestring, wanted) == 0;
}

static int
scan_member(struct scan *s)
{
	struct span name;
	if (peek(s) != '"')
		return wrong(s, VERR_INPUT, "a member's name in quotes is due");
	if (scan_string(s, &name) == -1)
		return -1;
	s->names[s->depth] = name;
	space(s);
	if (peek(s) != ':')
		return wrong(s, VERR_INPUT, "':' is due");
	s->at++;
	space(s);
	size_t start = s->at;
	if (scan_value(s) == -1)
		return -1;
	if (s->depth == 1 && s->wanted != NULL && name_is(&name, s->wanted))
		s->found = (struct span){s->text + start, s->at - start};
	return 0;
}

/* at is behind the opening bracket. */
static int
scan_items(struct scan *s, char close)
{
	space(s);
	if (peek(s) == close) {
		s->at++;
		return 0;
	}
	for (;;) {
		space(s);
		if ((close == '}' ? scan_member(s) : scan_value(s)) == -1)
			return -1;
		s->names[s->depth].len = 0;
		space(s);
		int c = peek(s);
		if (c == close) {
			s->at++;
			return 0;
		}
		if (c != ',')
			return wrong(s, VERR_INPUT,
				close == '}' ? "',' or '}' is due"
					     : "',' or ']' is due");
		s->at++;
	}
}

static int
scan_value(struct scan *s)
{
	struct span ignored;
	if (++s->items > s->limits->items_max)
		return wrong(s, VERR_LIMIT, "more values than are permitted");
	int c = peek(s);
	if (c == '"')
		return scan_string(s, &ignored);
	if (c == '-' || (c >= '0' && c <= '9'))
		return scan_number(s);
	if (c != '{' && c != '[')
		return scan_word(s);
	if (s->depth == BODY_JSON_DEPTH_MAX)
		return wrong(s, VERR_LIMIT, "nested too deep");
	s->at++;
	s->depth++;
	s->names[s->depth].len = 0;
	int r = scan_items(s, c == '{' ? '}' : ']');
	if (r == 0)
		s->depth--;
	return r;
}

static int
scan_all(struct scan *s)
{
	*s->field = (struct field_error){0};
	if (s->len > s->limits->bytes_max)
		return verr_set(s->e, VERR_LIMIT, 0,
			"JSON of more than %zu bytes", s->limits->bytes_max);
	space(s);
	if (scan_value(s) == -1)
		return -1;
	space(s);
	if (s->at < s->len)
		return wrong(s, VERR_INPUT, "something follows the value");
	return 0;
}

int
body_json_check(const char *text, size_t len,
	const struct body_json_limits *limits, struct field_error *f,
	struct verr *e)
{
	struct scan s = {
		.text = text, .len = len, .limits = limits, .field = f, .e = e};
	return scan_all(&s);
}

int
body_json_span(const char *text, size_t len, const char *name, const char **ret,
	size_t *ret_len)
{
	struct body_json_limits limits = {SIZE_MAX, SIZE_MAX};
	struct field_error f;
	struct verr e;
	struct scan s = {.text = text,
		.len = len,
		.limits = &limits,
		.field = &f,
		.e = &e,
		.wanted = name};
	if (scan_all(&s) == -1 || s.found.at == NULL)
		return 0;
	*ret = s.found.at;
	*ret_len = s.found.len;
	return 1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorts the names, since a stranger may send many: 1 with *ret, 0 or -1. */
static int
repeated_member(const cJSON *object, const char **ret, struct verr *e)
{
	size_t n = 0, i = 0;
	const cJSON *c;
	cJSON_ArrayForEach(c, object) n++;
	if (n < 2)
		return 0;
	const char **names = calloc(n, sizeof(names[0]));
	if (names == NULL)
		return verr_set(
			e, VERR_HOST, ENOMEM, "names of %zu members", n);
	cJSON_ArrayForEach(c, object) names[i++] = c->string;
	qsort(names, n, sizeof(names[0]), by_name);
	int found = 0;
	for (i = 1; i < n && found == 0; i++) {
		if (strcmp(names[i - 1], names[i]) == 0) {
			*ret = names[i];
			found = 1;
		}
	}
	free(names);
	return found;
}

/* At most BODY_JSON_DEPTH_MAX deep, by the scanner. */
static int
check_repeated(const cJSON *item, const char *at, struct field_error *f,
	struct verr *e)
{
	const char *name = NULL;
	int r = cJSON_IsObject(item) ? repeated_member(item, &name, e) : 0;
	char path[FIELD_NAME_BYTES];
	if (r == 1) {
		snprintf(
			path, sizeof(path), "%s%s%s", at, *at ? "." : "", name);
		return field_refuse(f, e, path, "is there twice");
	}
	if (r == -1)
		return -1;
	const cJSON *c;
	cJSON_ArrayForEach(c, item)
	{
		if (c->child == NULL)
			continue;
		const char *own = c->string != NULL ? c->string : "";
		snprintf(path, sizeof(path), "%s%s%s", at,
			*at && *own ? "." : "", own);
		if (check_repeated(c, path, f, e) == -1)
			return -1;
	}
	return 0;
}

int
body_json_parse(const char *text, size_t len,
	const struct body_json_limits *limits, cJSON **ret,
	struct field_error *f, struct verr *e)
{
	if (body_json_check(text, len, limits, f, e) == -1)
		return -1;
	cJSON v_autocjson *body = cJSON_ParseWithLength(text, len);
	if (body == NULL)
		return verr_set(
			e, VERR_HOST, ENOMEM, "reading %zu bytes of JSON", len);
	if (check_repeated(body, "", f, e) == -1)
		return -1;
	*ret = body;
	body = NULL;
	return 0;
}

int
json_root(const cJSON *body, struct json_in *ret, struct field_error *f,
	struct verr *e)
{
	*f = (struct field_error){0};
	if (!cJSON_IsObject(body))
		return field_refuse(f, e, "", "the body must be a JSON object");
	*ret = (struct json_in){body, ""};
	return 0;
}

static void
full_name(
	const struct json_in *in, const char *name, char out[FIELD_NAME_BYTES])
{
	snprintf(out, FIELD_NAME_BYTES, "%s%s%s", in->at, *in->at ? "." : "",
		name);
}

int
json_only(const struct json_in *in, const char *const *names,
	struct field_error *f, struct verr *e)
{
	const cJSON *c;
	cJSON_ArrayForEach(c, in->object)
	{
		size_t i = 0;
		while (names[i] != NULL && strcmp(names[i], c->string) != 0)
			i++;
		if (names[i] != NULL)
			continue;
		char full[FIELD_NAME_BYTES];
		full_name(in, c->string, full);
		field_refuse(f, e, full, "is not known here");
		return field_hint_names(f, names);
	}
	return 0;
}

int
json_get_any(const struct json_in *in, const char *name, const cJSON **ret)
{
	const cJSON *c = cJSON_GetObjectItemCaseSensitive(in->object, name);
	if (c == NULL || cJSON_IsNull(c))
		return 0;
	*ret = c;
	return 1;
}

static int __attribute__((format(printf, 5, 6)))
refuse_member(const struct json_in *in, const char *name, struct field_error *f,
	struct verr *e, const char *fmt, ...)
{
	char full[FIELD_NAME_BYTES], text[160];
	full_name(in, name, full);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return field_refuse(f, e, full, "%s", text);
}

int
json_get_text(const struct json_in *in, const char *name, size_t min,
	size_t max, const char **ret, struct field_error *f, struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	if (!cJSON_IsString(c))
		return refuse_member(in, name, f, e, "must be text");
	size_t n = strlen(c->valuestring);
	if (n < min || n > max)
		return refuse_member(in, name, f, e,
			"must be text of %zu to %zu bytes", min, max);
	*ret = c->valuestring;
	return 1;
}

int
json_get_u64(const struct json_in *in, const char *name, uint64_t min,
	uint64_t max, uint64_t *ret, struct field_error *f, struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	if (max > BODY_JSON_EXACT_MAX)
		max = BODY_JSON_EXACT_MAX;
	double d = cJSON_IsNumber(c) ? c->valuedouble : -1;
	/* The comparison is also false for what is no number at all. */
	bool within = d >= (double)min && d <= (double)max;
	if (!within || d != floor(d))
		return refuse_member(in, name, f, e,
			"must be a whole number from %" PRIu64 " to %" PRIu64,
			min, max);
	*ret = (uint64_t)d;
	return 1;
}

int
json_get_bool(const struct json_in *in, const char *name, bool *ret,
	struct field_error *f, struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	if (!cJSON_IsBool(c))
		return refuse_member(in, name, f, e, "must be true or false");
	*ret = cJSON_IsTrue(c);
	return 1;
}

int
json_get_word(const struct json_in *in, const char *name,
	const char *const *words, const char **ret, struct field_error *f,
	struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	for (size_t i = 0; words[i] != NULL && cJSON_IsString(c); i++) {
		if (strcmp(words[i], c->valuestring) == 0) {
			*ret = words[i];
			return 1;
		}
	}
	refuse_member(in, name, f, e, "no such choice");
	return field_hint_names(f, words);
}

int
json_get_object(const struct json_in *in, const char *name,
	char room[FIELD_NAME_BYTES], struct json_in *ret, struct field_error *f,
	struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	if (!cJSON_IsObject(c))
		return refuse_member(in, name, f, e, "must be an object");
	full_name(in, name, room);
	*ret = (struct json_in){c, room};
	return 1;
}

int
json_get_array(const struct json_in *in, const char *name, size_t min,
	size_t max, const cJSON **ret, struct field_error *f, struct verr *e)
{
	const cJSON *c;
	if (json_get_any(in, name, &c) == 0)
		return 0;
	size_t n = cJSON_IsArray(c) ? (size_t)cJSON_GetArraySize(c) : 0;
	if (!cJSON_IsArray(c) || n < min || n > max)
		return refuse_member(in, name, f, e,
			"must be a list of %zu to %zu", min, max);
	*ret = c;
	return 1;
}
