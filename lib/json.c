/* Writes JSON (RFC 8259). */
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "poison.h"
#include "utf8.h"

void
json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out};
}

int
json_end(struct json *j, struct verr *e)
{
	if (!j->failed)
		return 0;
	*e = j->first;
	return -1;
}

static void
put(struct json *j, const char *s, size_t n)
{
	if (!j->failed && buf_add(j->out, s, n, &j->first) == -1)
		j->failed = true;
}

static void
separate(struct json *j)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
}

static void
open_with(struct json *j, const char *bracket)
{
	separate(j);
	put(j, bracket, 1);
	j->comma = false;
}

static void
close_with(struct json *j, const char *bracket)
{
	put(j, bracket, 1);
	j->comma = true;
}

void
json_object(struct json *j)
{
	open_with(j, "{");
}

void
json_object_end(struct json *j)
{
	close_with(j, "}");
}

void
json_array(struct json *j)
{
	open_with(j, "[");
}

void
json_array_end(struct json *j)
{
	close_with(j, "]");
}

static void
escaped(struct json *j, const unsigned char *p, size_t n)
{
	static const char short_form[] = {['\b'] = 'b',
		['\t'] = 't',
		['\n'] = 'n',
		['\f'] = 'f',
		['\r'] = 'r',
		['"'] = '"',
		['\\'] = '\\'};
	put(j, "\"", 1);
	size_t plain = 0;
	for (size_t i = 0; i < n;) {
		unsigned char c = p[i];
		size_t step = c < 0x80 ? 1 : utf8_step(p + i, n - i);
		/* U+2028 and U+2029 end a line in old JavaScript. */
		bool line_end = step == 3 && c == 0xe2 && p[i + 1] == 0x80 &&
			(p[i + 2] & 0xfe) == 0xa8;
		if (step > 0 && c >= 0x20 && c != '"' && c != '\\' &&
			c != 0x7f && !line_end) {
			i += step;
			continue;
		}
		put(j, (const char *)p + plain, i - plain);
		char esc[8];
		if (step == 0) {
			put(j, "\\ufffd", 6);
			step = 1;
		} else if (line_end) {
			put(j, p[i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
		} else if (c < sizeof(short_form) && short_form[c] != 0) {
			esc[0] = '\\';
			esc[1] = short_form[c];
			put(j, esc, 2);
		} else {
			static const char hex[] = "0123456789abcdef";
			memcpy(esc, "\\u00", 4);
			esc[4] = hex[c >> 4];
			esc[5] = hex[c & 15];
			put(j, esc, 6);
		}
		i += step;
		plain = i;
	}
	put(j, (const char *)p + plain, n - plain);
	put(j, "\"", 1);
}

void
json_key(struct json *j, const char *key)
{
	separate(j);
	escaped(j, (const unsigned char *)key, strlen(key));
	put(j, ":", 1);
	j->comma = false;
}

void
json_bytes(struct json *j, const void *p, size_t n)
{
	separate(j);
	escaped(j, p, n);
}

void
json_text(struct json *j, const char *s)
{
	json_bytes(j, s, strlen(s));
}

void
json_raw(struct json *j, const char *s, size_t n)
{
	separate(j);
	put(j, s, n);
}

void
json_u64(struct json *j, uint64_t v)
{
	separate(j);
	if (!j->failed && buf_addf(j->out, &j->first, "%" PRIu64, v) == -1)
		j->failed = true;
}

void
json_i64(struct json *j, int64_t v)
{
	separate(j);
	if (!j->failed && buf_addf(j->out, &j->first, "%" PRId64, v) == -1)
		j->failed = true;
}

void
json_bool(struct json *j, bool v)
{
	json_raw(j, v ? "true" : "false", v ? 4 : 5);
}

void
json_null(struct json *j)
{
	json_raw(j, "null", 4);
}

void
json_key_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	if (text == NULL)
		json_null(j);
	else
		json_text(j, text);
}

void
json_key_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

void
json_key_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}
