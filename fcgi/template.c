/* Mustache over cJSON: rendering, and the pages of a directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fd.h"
#include "json.h"
#include "poison.h"
#include "template_code.h"
#include "utf8.h"

#define STEPS_MAX 4000000u

struct render {
	const struct template *t;
	struct buf *out;
	struct verr *e;
	size_t steps;
	size_t frames;
	const cJSON *frame[TEMPLATE_DEPTH_MAX + 1];
};

void
template_free(struct template *t)
{
	if (t == NULL)
		return;
	buf_done(&t->bytes);
	free(t->ops);
	free(t->names);
	free(t);
}

static const cJSON *
member(const cJSON *object, const char *name)
{
	if (!cJSON_IsObject(object))
		return NULL;
	for (const cJSON *c = object->child; c != NULL; c = c->next)
		if (c->string[0] == name[0] && strcmp(c->string, name) == 0)
			return c;
	return NULL;
}

static const cJSON *
lookup(const struct render *r, const struct template_op *op)
{
	const struct template *t = r->t;
	if (op->parts == 0)
		return r->frame[r->frames - 1];
	const uint32_t *names = t->names + op->at;
	const cJSON *v = NULL;
	if (op->frame != TEMPLATE_ANY_FRAME)
		v = member(r->frame[op->frame], t->bytes.data + names[0]);
	else
		for (size_t f = r->frames; f-- > 0 && v == NULL;)
			v = member(r->frame[f], t->bytes.data + names[0]);
	for (size_t i = 1; i < op->parts && v != NULL; i++)
		v = member(v, t->bytes.data + names[i]);
	return v;
}

static bool
truth(const cJSON *v)
{
	if (v == NULL || cJSON_IsNull(v) || cJSON_IsFalse(v))
		return false;
	if (cJSON_IsString(v))
		return v->valuestring[0] != '\0';
	return !cJSON_IsArray(v) || v->child != NULL;
}

/* As JavaScript would: 3, 1.5, 1e+21; digits enough to read it back. */
static const char *
number_text(double d, char room[32])
{
	if (d == floor(d) && fabs(d) < 9007199254740992.0) {
		snprintf(room, 32, "%lld", (long long)d);
		return room;
	}
	snprintf(room, 32, "%.15g", d);
	if (strtod(room, NULL) != d)
		snprintf(room, 32, "%.17g", d);
	return room;
}

static const char *
entity(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* What must not stand as it is: entities, and in HTML control characters. */
static bool
plain_byte(unsigned char c, bool html)
{
	if (c >= 0x80 || c == '&' || c == '<' || c == '>' || c == '"' ||
		c == '\'')
		return false;
	return !html || (c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t' ||
		c == '\r';
}

static int
put_special(struct buf *out, const char *p, size_t n, size_t *ret_used,
	struct verr *e)
{
	unsigned char c = (unsigned char)*p;
	const char *text = entity(c);
	*ret_used = 1;
	if (text != NULL)
		return buf_adds(out, text, e);
	if (c < 0x80) {
		/* U+2400 and up show a control character: ESC as its sign. */
		unsigned char sign = c == 0x7f ? 0x21 : c;
		char room[3] = {'\xe2', '\x90', (char)(0x80 + sign)};
		return buf_add(out, room, 3, e);
	}
	size_t step = utf8_step(p, n);
	if (step == 0)
		return buf_adds(out, "\xef\xbf\xbd", e);
	*ret_used = step;
	return buf_add(out, p, step, e);
}

static int
put_escaped(struct buf *out, const char *p, bool html, struct verr *e)
{
	size_t n = strlen(p), plain = 0;
	for (size_t i = 0; i < n;) {
		if (plain_byte((unsigned char)p[i], html)) {
			i++;
			continue;
		}
		size_t used;
		if (buf_add(out, p + plain, i - plain, e) == -1 ||
			put_special(out, p + i, n - i, &used, e) == -1)
			return -1;
		i += used;
		plain = i;
	}
	return buf_add(out, p + plain, n - plain, e);
}

/* http, https, mailto, or no scheme at all, as a browser would see it. */
static bool
url_safe(const char *url)
{
	static const char *const good[] = {"http:", "https:", "mailto:"};
	/* Browsers drop tabs and newlines anywhere and blanks in front. */
	for (const char *p = url; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	url += strspn(url, " ");
	if (url[strcspn(url, ":/?#")] != ':')
		return true;
	for (size_t i = 0; i < 3; i++)
		if (strncasecmp(url, good[i], strlen(good[i])) == 0)
			return true;
	return false;
}

static int
put_url_part(struct buf *out, const char *p, struct verr *e)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~";
	while (*p != '\0') {
		size_t n = strspn(p, plain);
		if (buf_add(out, p, n, e) == -1)
			return -1;
		p += n;
		if (*p == '\0')
			break;
		unsigned char c = (unsigned char)*p++;
		char room[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (buf_add(out, room, 3, e) == -1)
			return -1;
	}
	return 0;
}

static void
write_json(struct json *j, const cJSON *v)
{
	char room[32];
	if (v == NULL || cJSON_IsNull(v)) {
		json_null(j);
	} else if (cJSON_IsBool(v)) {
		json_bool(j, cJSON_IsTrue(v));
	} else if (cJSON_IsNumber(v)) {
		const char *s = isfinite(v->valuedouble)
			? number_text(v->valuedouble, room)
			: "null";
		json_raw(j, s, strlen(s));
	} else if (cJSON_IsString(v)) {
		json_text(j, v->valuestring);
	} else {
		bool object = cJSON_IsObject(v);
		object ? json_object(j) : json_array(j);
		const cJSON *c;
		cJSON_ArrayForEach(c, v)
		{
			if (object)
				json_key(j, c->string);
			write_json(j, c);
		}
		object ? json_object_end(j) : json_array_end(j);
	}
}

/* In JSON these three stand in strings only, where \u003c means the same. */
static int
put_json(struct buf *out, const cJSON *v, struct verr *e)
{
	struct buf v_autobuf text = BUF(out->max);
	struct json j;
	json_begin(&j, &text);
	write_json(&j, v);
	if (json_end(&j, e) == -1)
		return -1;
	const char *p = buf_text(&text);
	for (;;) {
		size_t n = strcspn(p, "<>&");
		if (buf_add(out, p, n, e) == -1)
			return -1;
		p += n;
		if (*p == '\0')
			return 0;
		if (buf_addf(out, e, "\\u%04x", (unsigned)*p++) == -1)
			return -1;
	}
}

static int
put_text(struct render *r, const struct template_op *op, const char *text)
{
	switch ((enum html_escape)op->escape) {
	case HTML_ESCAPE_NONE:
		return buf_adds(r->out, text, r->e);
	case HTML_ESCAPE_PLAIN:
		return put_escaped(r->out, text, false, r->e);
	case HTML_ESCAPE_TEXT:
		return put_escaped(r->out, text, true, r->e);
	case HTML_ESCAPE_URL:
		return put_escaped(
			r->out, url_safe(text) ? text : "#", true, r->e);
	case HTML_ESCAPE_URL_PART:
		return put_url_part(r->out, text, r->e);
	case HTML_ESCAPE_JSON:
		break;
	}
	return verr_set(r->e, VERR_BUG, 0, "template: an unknown escape");
}

static int
put_variable(struct render *r, const struct template_op *op)
{
	const cJSON *v = lookup(r, op);
	char room[32];
	if (op->escape == HTML_ESCAPE_JSON)
		return put_json(r->out, v, r->e);
	if (v == NULL || cJSON_IsNull(v))
		return 0;
	if (cJSON_IsString(v))
		return put_text(r, op, v->valuestring);
	if (cJSON_IsNumber(v))
		return put_text(r, op, number_text(v->valuedouble, room));
	if (cJSON_IsBool(v))
		return put_text(r, op, cJSON_IsTrue(v) ? "true" : "false");
	return verr_set(r->e, VERR_BUG, 0,
		"template: the value of '%.64s' is an object or a list",
		op->parts == 0 ? "."
			       : r->t->bytes.data +
				r->t->names[op->at + op->parts - 1u]);
}

static int run(struct render *, size_t from, size_t to);

static int
run_within(struct render *r, const cJSON *v, size_t from, size_t to)
{
	if (r->steps++ > STEPS_MAX)
		return verr_set(r->e, VERR_LIMIT, 0,
			"template: more than %u steps", STEPS_MAX);
	r->frame[r->frames++] = v;
	int result = run(r, from, to);
	r->frames--;
	return result;
}

static int
run_section(struct render *r, const struct template_op *op, size_t from)
{
	const cJSON *v = lookup(r, op);
	bool yes = truth(v);
	if (op->kind == TEMPLATE_OP_INVERTED)
		return yes ? 0 : run(r, from, op->to);
	if (!yes)
		return 0;
	if (!op->repeats || !cJSON_IsArray(v))
		return run_within(r, v, from, op->to);
	const cJSON *c;
	cJSON_ArrayForEach(c, v)
	{
		if (run_within(r, c, from, op->to) == -1)
			return -1;
	}
	return 0;
}

/* As deep as sections are nested: TEMPLATE_DEPTH_MAX. */
static int
run(struct render *r, size_t from, size_t to)
{
	for (size_t i = from; i < to;) {
		const struct template_op *op = &r->t->ops[i++];
		int result = 0;
		if (r->steps++ > STEPS_MAX)
			return verr_set(r->e, VERR_LIMIT, 0,
				"template: more than %u steps", STEPS_MAX);
		switch ((enum template_op_kind)op->kind) {
		case TEMPLATE_OP_TEXT:
			result = buf_add(r->out, r->t->bytes.data + op->at,
				op->to, r->e);
			break;
		case TEMPLATE_OP_VARIABLE:
			result = put_variable(r, op);
			break;
		case TEMPLATE_OP_SECTION:
		case TEMPLATE_OP_INVERTED:
			result = run_section(r, op, i);
			i = op->to;
			break;
		}
		if (result == -1)
			return -1;
	}
	return 0;
}

int
template_render(const struct template *t, const cJSON *data, struct buf *out,
	struct verr *e)
{
	struct render r = {
		.t = t, .out = out, .e = e, .frames = 1, .frame = {data}};
	return run(&r, 0, t->op_count);
}

struct templates {
	size_t count;
	struct template *page[];
};

void
templates_free(struct templates *ts)
{
	if (ts == NULL)
		return;
	for (size_t i = 0; i < ts->count; i++)
		template_free(ts->page[i]);
	free(ts);
}

const struct template *
templates_page(const struct templates *ts, size_t index)
{
	return ts->page[index];
}

#define SOURCES_MAX 128

struct sources {
	size_t count;
	struct template_source source[SOURCES_MAX];
};

static void
sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free((char *)s->source[i].name);
		free((char *)s->source[i].text);
	}
}

static int
read_source(struct sources *s, int dir_fd, const char *name, struct verr *e)
{
	struct buf v_autobuf text = BUF(TEMPLATE_CODE_BYTES);
	if (s->count == SOURCES_MAX)
		return verr_set(e, VERR_LIMIT, 0, "more than %d templates",
			SOURCES_MAX);
	if (fd_read_file(dir_fd, name, &text, e) == -1 ||
		buf_adds(&text, "", e) == -1)
		return -1;
	char *copy = strdup(name);
	if (copy == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "reading %s", name);
	size_t len = text.len;
	s->source[s->count++] =
		(struct template_source){copy, v_take_buf(&text), len};
	return 0;
}

static int
read_sources(struct sources *s, const char *dir, struct verr *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	if (d == NULL) {
		verr_set(e, VERR_HOST, errno, "opening templates in %s", dir);
		fd_close(&fd);
		return -1;
	}
	int r = 0;
	for (struct dirent *f; r == 0 && (f = readdir(d)) != NULL;) {
		size_t n = strlen(f->d_name);
		if (n > 5 && strcmp(f->d_name + n - 5, ".html") == 0)
			r = read_source(s, dirfd(d), f->d_name, e);
	}
	closedir(d);
	return r;
}

int
templates_load(const char *dir, const struct template_page *pages, size_t count,
	struct templates **ret, struct verr *e)
{
	struct sources __attribute__((cleanup(sources_done))) s = {0};
	if (read_sources(&s, dir, e) == -1)
		return -1;
	struct templates *ts =
		calloc(1, sizeof(*ts) + count * sizeof(ts->page[0]));
	if (ts == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "compiling templates");
	for (; ts->count < count; ts->count++) {
		const struct template_page *p = &pages[ts->count];
		if (template_compile(TEMPLATE_HTML, s.source, s.count, p->file,
			    p->schema, &ts->page[ts->count], e) == 0)
			continue;
		verr_wrap(e, "%s", dir);
		templates_free(ts);
		return -1;
	}
	*ret = ts;
	return 0;
}
