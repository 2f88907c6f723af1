/* Answers: status, headers, pages, records and refusals. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "poison.h"
#include "respond.h"

struct phrase {
	int status;
	const char *text;
	const char *word; /* of the problem's type; NULL: no problem */
};
static const struct phrase phrases[] = {
	{200, "OK", NULL},
	{201, "Created", NULL},
	{202, "Accepted", NULL},
	{204, "No Content", NULL},
	{303, "See Other", NULL},
	{400, "Bad Request", "bad-request"},
	{401, "Unauthorized", "not-logged-in"},
	{403, "Forbidden", "forbidden"},
	{404, "Not Found", "not-found"},
	{405, "Method Not Allowed", "method-not-allowed"},
	{409, "Conflict", "conflict"},
	{413, "Content Too Large", "too-large"},
	{414, "URI Too Long", "uri-too-long"},
	{415, "Unsupported Media Type", "media-type"},
	{422, "Unprocessable Content", "not-possible"},
	{429, "Too Many Requests", "too-many-requests"},
	{500, "Internal Server Error", "internal"},
	{503, "Service Unavailable", "unavailable"},
};
#define PHRASES (sizeof(phrases) / sizeof(phrases[0]))

static const int kind_status[] = {
	[VERR_NONE] = 500,
	[VERR_INPUT] = 400,
	[VERR_LIMIT] = 413,
	[VERR_HOST] = 503,
	[VERR_PROTO] = 400,
	[VERR_BUG] = 500,
};
_Static_assert(sizeof(kind_status) / sizeof(kind_status[0]) == VERR_KINDS,
	"a status for every kind");

#define CSP_PAGE \
	"default-src 'none'; script-src 'self'; style-src 'self'; " \
	"img-src 'self' data:; connect-src 'self'; form-action 'self'; " \
	"frame-ancestors 'none'; base-uri 'none'"
/* What a program wrote is shown to nobody as a page of ours. */
#define CSP_DATA "default-src 'none'; frame-ancestors 'none'; sandbox"

static const struct phrase *
phrase_of(int status)
{
	for (size_t i = 0; i < PHRASES; i++)
		if (phrases[i].status == status)
			return &phrases[i];
	return NULL;
}

int
respond_status_of(enum verr_kind kind)
{
	assert(kind >= 0 && kind < VERR_KINDS);
	return kind_status[kind];
}

const char *
respond_phrase(int status)
{
	const struct phrase *p = phrase_of(status);
	return p != NULL ? p->text : "Error";
}

int
refuse(struct exchange *x, int status, const char *hint, struct verr *e,
	const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->refused = status;
	if (hint != NULL)
		field_hint(&x->field, "%s", hint);
	return verr_set(e, VERR_INPUT, 0, "%s", text);
}

int
refuse_field(struct exchange *x, const char *field, const char *hint,
	struct verr *e, const char *fmt, ...)
{
	char text[sizeof(e->msg)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->refused = 422;
	field_refuse(&x->field, e, field, "%s", text);
	if (hint != NULL)
		field_hint(&x->field, "%s", hint);
	return -1;
}

/* Letters, digits and hyphens are all that our header names have. */
static bool
header_name_ok(const char *name)
{
	return name[0] != '\0' &&
		name[strspn(name,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool
header_value_ok(const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p != 0;
		p++)
		if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

int
respond_header(
	struct exchange *x, const char *name, const char *value, struct verr *e)
{
	if (!header_name_ok(name) || !header_value_ok(value))
		return verr_set(e, VERR_BUG, 0,
			"a header line was refused: its name or value holds a "
			"character that could end it");
	return buf_addf(&x->res.head, e, "%s: %s\r\n", name, value);
}

static int
security_headers(struct exchange *x, bool page, struct verr *e)
{
	static const char *const lines[][2] = {
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"X-Frame-Options", "DENY"},
		{"Cache-Control", "no-store"},
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (respond_header(x, lines[i][0], lines[i][1], e) == -1)
			return -1;
	return respond_header(
		x, "Content-Security-Policy", page ? CSP_PAGE : CSP_DATA, e);
}

int
respond_as(struct exchange *x, int status, const char *type, struct verr *e)
{
	x->res.status = status;
	if (respond_header(x, "Content-Type", type, e) == -1)
		return -1;
	bool page = strncmp(type, "text/html", 9) == 0;
	return security_headers(x, page, e);
}

int
respond_page(struct exchange *x, int status, enum page page, cJSON *view,
	struct verr *e)
{
	const struct template *t = templates_page(x->web->pages, page);
	int r = template_render(t, view, &x->res.body, e);
	cJSON_Delete(view);
	if (r == -1)
		return -1;
	return respond_as(x, status, "text/html; charset=utf-8", e);
}

int
respond_redirect(struct exchange *x, const char *path, struct verr *e)
{
	if (path[0] != '/' || path[1] == '/' || path[1] == '\\')
		return verr_set(
			e, VERR_BUG, 0, "a redirect must stay on this server");
	if (respond_header(x, "Location", path, e) == -1)
		return -1;
	return respond_as(x, 303, "text/plain; charset=utf-8", e);
}

bool
respond_wants_page(const struct exchange *x)
{
	if (x->req.path != NULL && strncmp(x->req.path, "/v1/", 4) == 0)
		return false;
	return x->req.accept != NULL &&
		strstr(x->req.accept, "text/html") != NULL;
}

static int
problem_json(struct exchange *x, int status, const struct verr *cause,
	struct verr *e)
{
	const struct phrase *p = phrase_of(status);
	const char *word = p != NULL && p->word != NULL ? p->word : "error";
	char type[64];
	snprintf(type, sizeof(type), "urn:vulcan:problem:%s", word);
	struct json j;
	json_begin(&j, &x->res.body);
	json_object(&j);
	json_key_text(&j, "type", type);
	json_key_text(&j, "title", respond_phrase(status));
	json_key_u64(&j, "status", (uint64_t)status);
	json_key_text(&j, "detail", cause->msg);
	json_key_text(
		&j, "hint", x->field.hint[0] != '\0' ? x->field.hint : NULL);
	if (x->field.field[0] != '\0')
		json_key_text(&j, "field", x->field.field);
	json_object_end(&j);
	if (json_end(&j, e) == -1 || buf_addc(&x->res.body, '\n', e) == -1)
		return -1;
	return respond_as(x, status, "application/problem+json", e);
}

static int
problem_page(struct exchange *x, int status, const struct verr *cause,
	struct verr *e)
{
	cJSON *view = page_view(x, respond_phrase(status), NULL);
	view_textf(view, "code", "%d", status);
	view_text(view, "detail", cause->msg);
	view_text(view, "hint", x->field.hint);
	return respond_page(x, status, PAGE_ERROR, view, e);
}

/* What happened inside is for the log; a stranger learns that it did. */
static struct verr
shown(const struct verr *cause, int status)
{
	struct verr s = *cause;
	if (status == 500)
		verr_set(&s, VERR_BUG, 0,
			"Vulcan made a mistake here; its log says more");
	return s;
}

static int
refusal_headers(struct exchange *x, int status, struct verr *e)
{
	char number[16];
	if (status == 401 &&
		respond_header(x, "WWW-Authenticate", "Bearer", e) == -1)
		return -1;
	if (status == 405 &&
		respond_header(x, "Allow", x->match.allow, e) == -1)
		return -1;
	if (status != 503 && status != 429)
		return 0;
	snprintf(number, sizeof(number), "%u",
		x->retry_after_s != 0 ? x->retry_after_s : 2);
	return respond_header(x, "Retry-After", number, e);
}

void
respond_problem(struct exchange *x, const struct verr *cause)
{
	int status =
		x->refused != 0 ? x->refused : respond_status_of(cause->kind);
	struct verr text = shown(cause, status);
	struct verr e;
	for (int try = respond_wants_page(x) ? 0 : 1; try < 2; try++) {
		buf_reset(&x->res.head);
		buf_reset(&x->res.body);
		if (refusal_headers(x, status, &e) == 0 &&
			(try == 0 ? problem_page(x, status, &text, &e)
				  : problem_json(x, status, &text, &e)) == 0)
			return;
	}
	buf_reset(&x->res.head);
	buf_reset(&x->res.body);
	x->res.status = 500;
}

int
respond_send(struct exchange *x)
{
	struct response *r = &x->res;
	assert(r->status >= 200 && r->status <= 599);
	char top[128];
	int n = snprintf(top, sizeof(top),
		"Status: %d %s\r\nContent-Length: %zu\r\n", r->status,
		respond_phrase(r->status), r->body.len);
	struct peer *s = x->peer;
	if (s->write(s->arg, top, (size_t)n) == -1 ||
		s->write(s->arg, r->head.data, r->head.len) == -1 ||
		s->write(s->arg, "\r\n", 2) == -1)
		return -1;
	if (x->req.method == METHOD_HEAD || r->body.len == 0)
		return 0;
	return s->write(s->arg, r->body.data, r->body.len);
}
