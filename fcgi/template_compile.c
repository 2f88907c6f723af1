/*
 * Mustache to a list of operations. Partials are compiled where they stand;
 * in HTML mode every name is looked up in the schema and every variable in its
 * place in the HTML, so that rendering only walks and copies.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poison.h"
#include "template_code.h"

#define DELIMITER_BYTES 8
#define OPS_MAX 65536
#define SCANNED_MAX (8u << 20) /* partials within partials add up */

struct open_section {
	char name[72];
	size_t op;
	bool inverted;
	bool repeats;
	struct html before;
};

/* One source that is being read. */
struct scan {
	const char *name;
	const char *text;
	size_t len;
	size_t at;
	char open[DELIMITER_BYTES + 1];
	char close[DELIMITER_BYTES + 1];
};

struct compile {
	struct template *t;
	const struct template_source *sources;
	size_t source_count;
	struct verr *e;
	struct html html;
	size_t scanned;
	size_t barrier; /* text before this op is not joined with text after */
	size_t partials;
	const char *partial[TEMPLATE_PARTIALS_MAX + 1];
	size_t opened;
	struct open_section section[TEMPLATE_DEPTH_MAX];
	/* The schema's contexts; a NULL row is one with {{.}} only. */
	size_t frames;
	const struct template_schema *frame[TEMPLATE_DEPTH_MAX + 1];
	bool scalar[TEMPLATE_DEPTH_MAX + 1];
};

struct tag {
	char kind; /* 'v' for a variable, else the sigil */
	const char *text;
	size_t len;
	size_t start, end; /* in the source */
	bool alone; /* on its line */
};

static int __attribute__((format(printf, 4, 5)))
bad(struct compile *c, const struct scan *s, size_t at, const char *fmt, ...)
{
	char text[180];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	size_t line = 1;
	for (size_t i = 0; i < at && i < s->len; i++)
		line += s->text[i] == '\n';
	return verr_set(
		c->e, VERR_INPUT, 0, "%.60s:%zu: %s", s->name, line, text);
}

static int
room_for(void **list, size_t *room, size_t count, size_t size, struct verr *e)
{
	if (count < *room)
		return 0;
	size_t more = *room == 0 ? 64 : *room * 2;
	void *p = reallocarray(*list, more, size);
	if (p == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "compiling a template");
	*list = p;
	*room = more;
	return 0;
}

static int
add_op(struct compile *c, struct template_op op)
{
	struct template *t = c->t;
	void *ops = t->ops;
	if (t->op_count == OPS_MAX)
		return verr_set(c->e, VERR_LIMIT, 0,
			"a template of more than %d operations", OPS_MAX);
	if (room_for(&ops, &t->op_room, t->op_count, sizeof(op), c->e) == -1)
		return -1;
	t->ops = ops;
	t->ops[t->op_count++] = op;
	return 0;
}

static int
add_text(struct compile *c, const struct scan *s, size_t from, size_t to)
{
	struct template *t = c->t;
	if (from >= to)
		return 0;
	if (t->mode == TEMPLATE_HTML) {
		const char *why = "";
		size_t n =
			html_follow(&c->html, s->text + from, to - from, &why);
		if (n < to - from)
			return bad(c, s, from + n, "%s", why);
	}
	size_t at = t->bytes.len;
	if (buf_add(&t->bytes, s->text + from, to - from, c->e) == -1)
		return -1;
	struct template_op *last =
		t->op_count > c->barrier ? &t->ops[t->op_count - 1] : NULL;
	if (last != NULL && last->kind == TEMPLATE_OP_TEXT &&
		last->at + last->to == at) {
		last->to += (uint32_t)(to - from);
		return 0;
	}
	return add_op(c,
		(struct template_op){.kind = TEMPLATE_OP_TEXT,
			.at = (uint32_t)at,
			.to = (uint32_t)(to - from)});
}

static bool
name_char(enum template_mode mode, char ch)
{
	if (mode == TEMPLATE_PLAIN)
		return (unsigned char)ch > 0x20 && ch != 0x7f;
	return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
		(ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
}

static int
add_name(struct compile *c, const char *p, size_t n)
{
	struct template *t = c->t;
	void *names = t->names;
	if (room_for(&names, &t->name_room, t->name_count, sizeof(uint32_t),
		    c->e) == -1)
		return -1;
	t->names = names;
	t->names[t->name_count++] = (uint32_t)t->bytes.len;
	if (buf_add(&t->bytes, p, n, c->e) == -1)
		return -1;
	return buf_addc(&t->bytes, '\0', c->e);
}

/* Splits a dotted name into the op; "." has no parts. */
static int
parse_name(struct compile *c, const struct scan *s, const struct tag *tag,
	struct template_op *op)
{
	op->at = (uint32_t)c->t->name_count;
	op->parts = 0;
	if (tag->len == 1 && tag->text[0] == '.')
		return 0;
	if (tag->len == 0 || tag->len > 64)
		return bad(c, s, tag->start, "a name has 1 to 64 characters");
	for (size_t i = 0; i <= tag->len;) {
		size_t n = 0;
		while (i + n < tag->len && tag->text[i + n] != '.') {
			if (!name_char(c->t->mode, tag->text[i + n]))
				return bad(c, s, tag->start,
					"a malformed name '%.*s'",
					(int)tag->len, tag->text);
			n++;
		}
		if (n == 0 || op->parts == TEMPLATE_PARTS_MAX)
			return bad(c, s, tag->start, "a malformed name '%.*s'",
				(int)tag->len, tag->text);
		if (add_name(c, tag->text + i, n) == -1)
			return -1;
		op->parts++;
		i += n + 1;
	}
	return 0;
}

static const struct template_schema *
find_row(const struct template_schema *rows, const char *name)
{
	for (; rows != NULL && rows->name != NULL; rows++)
		if (strcmp(rows->name, name) == 0)
			return rows;
	return NULL;
}

/* The row a name means; for "." a row of its own kind. */
static int
resolve(struct compile *c, const struct scan *s, const struct tag *tag,
	struct template_op *op, const struct template_schema **ret)
{
	static const struct template_schema self = {".", TEMPLATE_TEXT, NULL};
	size_t top = c->frames - 1;
	op->frame = (unsigned char)top;
	if (op->parts == 0) {
		if (!c->scalar[top])
			return bad(c, s, tag->start,
				"{{.}} is not text here; name what is meant");
		*ret = &self;
		return 0;
	}
	const uint32_t *names = c->t->names + op->at;
	const struct template_schema *row = NULL;
	for (size_t f = c->frames; f-- > 0 && row == NULL;) {
		row = find_row(c->frame[f], c->t->bytes.data + names[0]);
		op->frame = (unsigned char)f;
	}
	for (size_t i = 1; i < op->parts && row != NULL; i++)
		row = row->kind != TEMPLATE_OBJECT
			? NULL
			: find_row(row->in, c->t->bytes.data + names[i]);
	if (row == NULL)
		return bad(c, s, tag->start, "the page has no name '%.*s'",
			(int)tag->len, tag->text);
	*ret = row;
	return 0;
}

static int
add_variable(struct compile *c, const struct scan *s, const struct tag *tag)
{
	struct template_op op = {.kind = TEMPLATE_OP_VARIABLE,
		.frame = TEMPLATE_ANY_FRAME,
		.escape = tag->kind == 'v' ? HTML_ESCAPE_PLAIN
					   : HTML_ESCAPE_NONE};
	if (parse_name(c, s, tag, &op) == -1)
		return -1;
	if (c->t->mode == TEMPLATE_PLAIN)
		return add_op(c, op);
	if (tag->kind != 'v')
		return bad(c, s, tag->start,
			"raw output is not permitted; use {{%.*s}}",
			(int)tag->len, tag->text);
	const struct template_schema *row = NULL;
	if (resolve(c, s, tag, &op, &row) == -1)
		return -1;
	enum html_escape escape = HTML_ESCAPE_TEXT;
	const char *why = "";
	if (html_variable(&c->html, &escape, &why) == -1)
		return bad(c, s, tag->start, "%s", why);
	bool json = escape == HTML_ESCAPE_JSON;
	bool text = row->kind == TEMPLATE_TEXT;
	if (!text && !(json && row->kind != TEMPLATE_TEXT))
		return bad(c, s, tag->start, "'%.*s' is not text",
			(int)tag->len, tag->text);
	op.escape = (unsigned char)escape;
	return add_op(c, op);
}

static void
push_frame(struct compile *c, const struct template_schema *row)
{
	bool rows = row->kind == TEMPLATE_OBJECT || row->kind == TEMPLATE_LIST;
	c->frame[c->frames] = rows ? row->in : NULL;
	c->scalar[c->frames] =
		row->kind == TEMPLATE_TEXT || row->kind == TEMPLATE_TEXTS;
	c->frames++;
}

static int
open_section(struct compile *c, const struct scan *s, const struct tag *tag)
{
	struct template_op op = {.frame = TEMPLATE_ANY_FRAME, .repeats = true};
	bool inverted = tag->kind == '^';
	op.kind = inverted ? TEMPLATE_OP_INVERTED : TEMPLATE_OP_SECTION;
	if (c->opened == TEMPLATE_DEPTH_MAX)
		return bad(c, s, tag->start, "sections nested deeper than %d",
			TEMPLATE_DEPTH_MAX);
	if (parse_name(c, s, tag, &op) == -1)
		return -1;
	struct open_section *o = &c->section[c->opened];
	if (c->t->mode == TEMPLATE_HTML) {
		const struct template_schema *row = NULL;
		if (resolve(c, s, tag, &op, &row) == -1)
			return -1;
		op.repeats = row->kind == TEMPLATE_LIST ||
			row->kind == TEMPLATE_TEXTS;
		if (!inverted)
			push_frame(c, row);
	}
	*o = (struct open_section){.op = c->t->op_count,
		.inverted = inverted,
		.repeats = op.repeats && !inverted,
		.before = c->html};
	memcpy(o->name, tag->text, tag->len);
	c->opened++;
	if (add_op(c, op) == -1)
		return -1;
	c->barrier = c->t->op_count;
	return 0;
}

static int
close_section(struct compile *c, const struct scan *s, const struct tag *tag,
	size_t base)
{
	if (c->opened == base)
		return bad(c, s, tag->start, "{{/%.*s}} closes nothing",
			(int)(tag->len < 64 ? tag->len : 64), tag->text);
	struct open_section *o = &c->section[c->opened - 1];
	if (strlen(o->name) != tag->len ||
		memcmp(o->name, tag->text, tag->len) != 0)
		return bad(c, s, tag->start, "{{/%s}} is due here", o->name);
	const char *why = "";
	if (c->t->mode == TEMPLATE_HTML &&
		html_join(&c->html, &o->before, o->repeats, &why) == -1)
		return bad(c, s, tag->start, "%s: %s", o->name, why);
	if (c->t->mode == TEMPLATE_HTML && !o->inverted)
		c->frames--;
	c->t->ops[o->op].to = (uint32_t)c->t->op_count;
	c->barrier = c->t->op_count;
	c->opened--;
	return 0;
}

static int
set_delimiters(struct compile *c, struct scan *s, const struct tag *tag)
{
	const char *p = tag->text;
	size_t first = 0;
	while (first < tag->len && strchr(" \t\r\n", p[first]) == NULL)
		first++;
	size_t second = first;
	while (second < tag->len && strchr(" \t\r\n", p[second]) != NULL)
		second++;
	size_t n = tag->len - second;
	bool ok = first > 0 && first <= DELIMITER_BYTES && n > 0 &&
		n <= DELIMITER_BYTES && memchr(p, '=', tag->len) == NULL;
	for (size_t i = second; i < tag->len; i++)
		ok = ok && strchr(" \t\r\n", p[i]) == NULL;
	if (!ok)
		return bad(c, s, tag->start,
			"delimiters are two words of at most %d characters",
			DELIMITER_BYTES);
	memcpy(s->open, p, first);
	s->open[first] = '\0';
	memcpy(s->close, p + second, n);
	s->close[n] = '\0';
	return 0;
}

static const struct template_source *
find_source(const struct compile *c, const char *name, size_t len)
{
	for (size_t i = 0; i < c->source_count; i++) {
		const char *have = c->sources[i].name;
		if (strncmp(have, name, len) == 0 &&
			(have[len] == '\0' || strcmp(have + len, ".html") == 0))
			return &c->sources[i];
	}
	return NULL;
}

static int compile_text(struct compile *, const struct template_source *,
	const char *text, size_t len);

/* A partial alone on its line has that line's indentation on each line. */
static int
compile_indented(struct compile *c, const struct template_source *source,
	const char *blanks, size_t n)
{
	struct buf v_autobuf text = BUF(TEMPLATE_CODE_BYTES);
	for (size_t i = 0; i < source->len;) {
		const char *p = source->text + i;
		const char *nl = memchr(p, '\n', source->len - i);
		size_t len =
			nl != NULL ? (size_t)(nl - p) + 1 : source->len - i;
		if (buf_add(&text, blanks, n, c->e) == -1 ||
			buf_add(&text, p, len, c->e) == -1)
			return -1;
		i += len;
	}
	return compile_text(c, source, buf_text(&text), text.len);
}

static int
add_partial(struct compile *c, const struct scan *s, const struct tag *tag,
	size_t line)
{
	const struct template_source *source =
		find_source(c, tag->text, tag->len);
	if (source == NULL && c->t->mode == TEMPLATE_PLAIN)
		return 0;
	if (source == NULL)
		return bad(c, s, tag->start, "no partial '%.*s'",
			(int)(tag->len < 64 ? tag->len : 64), tag->text);
	for (size_t i = 0; i < c->partials; i++)
		if (strcmp(c->partial[i], source->name) == 0)
			return bad(c, s, tag->start, "'%.60s' includes itself",
				source->name);
	if (c->partials > TEMPLATE_PARTIALS_MAX)
		return bad(c, s, tag->start, "partials nested deeper than %d",
			TEMPLATE_PARTIALS_MAX);
	if (tag->alone && c->t->mode == TEMPLATE_PLAIN && tag->start > line)
		return compile_indented(
			c, source, s->text + line, tag->start - line);
	return compile_text(c, source, source->text, source->len);
}

static const char *
find(const struct scan *s, size_t from, const char *what)
{
	return memmem(s->text + from, s->len - from, what, strlen(what));
}

/* Whether only blanks stand around the tag on its line(s). */
static bool
alone(const struct scan *s, const struct tag *tag, size_t *ret_line,
	size_t *ret_next)
{
	size_t line = tag->start, next = tag->end;
	while (line > 0 && strchr(" \t", s->text[line - 1]) != NULL &&
		s->text[line - 1] != '\0')
		line--;
	if (line > 0 && s->text[line - 1] != '\n')
		return false;
	while (next < s->len && (s->text[next] == ' ' || s->text[next] == '\t'))
		next++;
	if (next < s->len && s->text[next] == '\r')
		next++;
	if (next < s->len && s->text[next] != '\n')
		return false;
	*ret_line = line;
	*ret_next = next < s->len ? next + 1 : next;
	return true;
}

/* 1 and the next tag, 0 when there is none, -1. */
static int
next_tag(struct compile *c, const struct scan *s, struct tag *ret)
{
	const char *open = find(s, s->at, s->open);
	if (open == NULL)
		return 0;
	*ret = (struct tag){
		.kind = 'v', .text = "", .start = (size_t)(open - s->text)};
	size_t p = ret->start + strlen(s->open);
	char closer[DELIMITER_BYTES + 2];
	snprintf(closer, sizeof(closer), "%s", s->close);
	char sigil = p < s->len ? s->text[p] : '\0';
	if (sigil != '\0' && strchr("#^/!>&={", sigil) != NULL) {
		ret->kind = sigil;
		p++;
	}
	if (sigil == '{' || sigil == '=')
		snprintf(closer, sizeof(closer), "%c%s",
			sigil == '{' ? '}' : '=', s->close);
	const char *close = find(s, p, closer);
	if (close == NULL)
		return bad(c, s, ret->start, "a tag without its '%s'", closer);
	ret->end = (size_t)(close - s->text) + strlen(closer);
	size_t end = (size_t)(close - s->text);
	while (p < end && strchr(" \t\r\n", s->text[p]) != NULL)
		p++;
	while (end > p && strchr(" \t\r\n", s->text[end - 1]) != NULL)
		end--;
	ret->text = s->text + p;
	ret->len = end - p;
	return 1;
}

static int
take_tag(struct compile *c, struct scan *s, const struct tag *tag, size_t line,
	size_t base)
{
	switch (tag->kind) {
	case '!':
		return 0;
	case '#':
	case '^':
		return open_section(c, s, tag);
	case '/':
		return close_section(c, s, tag, base);
	case '>':
		return add_partial(c, s, tag, line);
	case '=':
		return set_delimiters(c, s, tag);
	default:
		return add_variable(c, s, tag);
	}
}

static int
compile_tags(struct compile *c, struct scan *s, size_t base)
{
	struct tag tag;
	int r;
	while ((r = next_tag(c, s, &tag)) == 1) {
		size_t until = tag.start, next = tag.end;
		tag.alone = strchr("#^/!>=", tag.kind) != NULL &&
			alone(s, &tag, &until, &next);
		if (add_text(c, s, s->at, until) == -1 ||
			take_tag(c, s, &tag, until, base) == -1)
			return -1;
		s->at = next;
	}
	return r == -1 ? -1 : add_text(c, s, s->at, s->len);
}

static int
compile_text(struct compile *c, const struct template_source *source,
	const char *text, size_t len)
{
	struct scan s = {.name = source->name,
		.text = text,
		.len = len,
		.open = "{{",
		.close = "}}"};
	size_t base = c->opened;
	c->scanned += len + 1;
	if (c->scanned > SCANNED_MAX)
		return bad(c, &s, 0, "partials that add up to too much text");
	c->partial[c->partials++] = source->name;
	if (compile_tags(c, &s, base) == -1)
		return -1;
	if (c->opened > base)
		return bad(c, &s, len, "{{#%s}} is not closed",
			c->section[c->opened - 1].name);
	c->partials--;
	return 0;
}

int
template_compile(enum template_mode mode, const struct template_source *sources,
	size_t count, const char *name, const struct template_schema *schema,
	struct template **ret, struct verr *e)
{
	struct compile c = {.sources = sources,
		.source_count = count,
		.e = e,
		.frames = 1,
		.frame = {schema}};
	const struct template_source *main =
		find_source(&c, name, strlen(name));
	if (main == NULL)
		return verr_set(e, VERR_INPUT, 0, "no template '%s'", name);
	c.t = calloc(1, sizeof(*c.t));
	if (c.t == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "compiling a template");
	c.t->mode = mode;
	buf_init(&c.t->bytes, TEMPLATE_CODE_BYTES);
	int r = compile_text(&c, main, main->text, main->len);
	if (r == 0 && mode == TEMPLATE_HTML && c.html.state != HTML_TEXT)
		r = verr_set(e, VERR_INPUT, 0,
			"%.60s: ends within a tag, comment or script",
			main->name);
	if (r == -1) {
		template_free(c.t);
		return -1;
	}
	*ret = c.t;
	return 0;
}
