/* One request from its parameters to its answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "csrf.h"
#include "log.h"
#include "num.h"
#include "poison.h"
#include "respond.h"
#include "serve.h"

#define HEAD_BYTES_MAX 16384
#define BODY_BYTES_MAX (UINT64_C(3) << 30)
#define FORM_FIELDS_MAX 64
#define READ_BYTES 16384

static int
find_route(struct exchange *x, struct verr *e)
{
	const struct request *q = &x->req;
	switch (route_find(
		routes_table, routes_count, q->method, q->path, &x->match)) {
	case ROUTE_FOUND:
		return 0;
	case ROUTE_NOT_ALLOWED:
		return refuse(x, 405, NULL, e, "%s is not possible here, %s is",
			method_text(q->method), x->match.allow);
	case ROUTE_NOT_FOUND:
		break;
	}
	return refuse(x, 404, NULL, e, "there is nothing at this address");
}

static int
read_query(struct exchange *x, struct verr *e)
{
	static const struct form_limits limits = {
		.fields_max = FORM_FIELDS_MAX,
		.bytes_max = REQUEST_QUERY_BYTES,
	};
	if (form_parse(x->arena, x->req.query, strlen(x->req.query), &limits,
		    &x->query, &x->field, e) == -1)
		return -1;
	return param_check(x->match.route->query, &x->query, &x->field, e);
}

/* The whole body in the arena; a body cut short is refused. */
static int
read_body(struct exchange *x, struct verr *e)
{
	size_t want = (size_t)x->req.content_length, got = 0;
	char *text = arena_alloc(x->arena, want + 1);
	while (got < want) {
		ssize_t n = x->peer->read(x->peer->arg, text + got, want - got);
		if (n <= 0)
			return refuse(x, 400, NULL, e,
				"the body is shorter than Content-Length");
		got += (size_t)n;
	}
	x->body = text;
	x->body_len = got;
	return 0;
}

static int
read_form(struct exchange *x, struct verr *e)
{
	const struct form_limits limits = {
		.fields_max = FORM_FIELDS_MAX,
		.bytes_max = (size_t)x->web->conf->request_bytes_max,
	};
	if (read_body(x, e) == -1)
		return -1;
	return form_parse(x->arena, x->body, x->body_len, &limits, &x->form,
		&x->field, e);
}

static int
read_multipart(struct exchange *x, struct verr *e)
{
	const struct conf *c = x->web->conf;
	const struct upload_limits limits = {
		.files_max = c->files_max < UPLOAD_FILES_MAX
			? (size_t)c->files_max
			: UPLOAD_FILES_MAX,
		.fields_max = FORM_FIELDS_MAX,
		.field_bytes_max = (size_t)c->request_bytes_max,
		.file_bytes_max = c->request_bytes_max,
		.total_bytes_max = c->request_bytes_max,
	};
	if (upload_init(x->upload, x->arena, x->req.content_type,
		    x->web->blobs_fd, &limits, &x->field, e) == -1)
		return -1;
	uint64_t left = x->req.content_length;
	while (left > 0) {
		char part[READ_BYTES];
		ssize_t n = x->peer->read(x->peer->arg, part,
			left < sizeof(part) ? (size_t)left : sizeof(part));
		if (n <= 0)
			return refuse(x, 400, NULL, e,
				"the body is shorter than Content-Length");
		if (upload_feed(x->upload, part, (size_t)n, e) == -1)
			return -1;
		left -= (uint64_t)n;
	}
	if (upload_end(x->upload, e) == -1)
		return -1;
	x->form = x->upload->form;
	return 0;
}

/* Reads what the route takes; `upload` is there for a multipart body. */
static int
read_content(struct exchange *x, struct upload *upload, struct verr *e)
{
	const struct request *q = &x->req;
	unsigned takes = x->match.route->body;
	if (q->content_length == 0 && q->content_type == NULL)
		return 0;
	if (takes == 0)
		return q->content_length == 0
			? 0
			: refuse(x, 400, NULL, e, "this takes no body");
	if ((takes & ROUTE_BODY_JSON) != 0 &&
		request_has_type(q, "application/json")) {
		x->has_json = true;
		return read_body(x, e);
	}
	if ((takes & ROUTE_BODY_FORM) != 0 &&
		request_has_type(q, "application/x-www-form-urlencoded"))
		return read_form(x, e);
	if ((takes & ROUTE_BODY_MULTIPART) != 0 &&
		request_has_type(q, "multipart/form-data")) {
		x->upload = upload;
		return read_multipart(x, e);
	}
	return refuse(x, 415,
		(takes & ROUTE_BODY_JSON) != 0
			? "send Content-Type: application/json"
			: "send it as a form",
		e, "a body of this type is not taken here");
}

static bool
changes_something(const struct exchange *x)
{
	return x->req.method != METHOD_GET && x->req.method != METHOD_HEAD;
}

/* The API takes its token in a header, a form in the field of its route. */
static int
check_token(struct exchange *x, struct verr *e)
{
	if (!changes_something(x) || x->who.kind != IDENTITY_SESSION ||
		x->match.route->auth == ROUTE_PUBLIC)
		return 0;
	bool api = strncmp(x->req.path, "/v1/", 4) == 0;
	return csrf_check(x, api ? CSRF_API : x->match.route->pattern, e);
}

static const char *
raw_parameter(char *const *envp, const char *name)
{
	size_t n = strlen(name);
	for (; *envp != NULL; envp++)
		if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

/*
 * A request that cannot be read is still answered in the asker's manner. What
 * is too long is too large only when it is the body.
 */
static int
unreadable(struct exchange *x, char *const *envp, const struct verr *e)
{
	uint64_t length = 0;
	struct verr ignored;
	const char *text = raw_parameter(envp, "CONTENT_LENGTH");
	x->req.accept = raw_parameter(envp, "HTTP_ACCEPT");
	if (text != NULL && text[0] != '\0' &&
		num_u64s(text, 0, UINT64_MAX, "", &length, &ignored) == -1)
		length = 0;
	if (e->kind == VERR_LIMIT && length <= x->web->conf->request_bytes_max)
		x->refused = 400;
	return -1;
}

static int
serve(struct exchange *x, char *const *envp, struct upload *upload,
	struct verr *e)
{
	uint64_t body_max = x->web->conf->request_bytes_max;
	if (request_parse(x->arena, envp, body_max, &x->req, e) == -1) {
		return unreadable(x, envp, e);
	}
	if (auth_identify(x, e) == -1 || find_route(x, e) == -1)
		return -1;
	int r = auth_require(x, e);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (changes_something(x) && x->who.kind != IDENTITY_KEY &&
		csrf_same_site(x, e) == -1)
		return -1;
	if (read_query(x, e) == -1 || read_content(x, upload, e) == -1 ||
		check_token(x, e) == -1)
		return -1;
	const struct route *route = x->match.route;
	if (!x->has_json &&
		param_check(route->fields, &x->form, &x->field, e) == -1)
		return -1;
	return route->serve(x, e);
}

static void
note(const struct exchange *x, const struct verr *e)
{
	int status = x->res.status;
	if (status >= 500 && status != 503)
		log_verr(e, "%s %s", method_text(x->req.method),
			x->req.path != NULL ? x->req.path : "?");
	else if (status == 503)
		log_warn("503 for %s: %s",
			x->req.path != NULL ? x->req.path : "?", e->msg);
}

int
serve_request(struct web *w, struct peer *s, struct arena *a, char *const *envp)
{
	struct upload v_autoupload upload = UPLOAD;
	struct exchange x = {
		.web = w,
		.peer = s,
		.arena = a,
		.req.method = METHOD_OTHER,
		.res.head = BUF(HEAD_BYTES_MAX),
		.res.body = BUF(BODY_BYTES_MAX),
	};
	struct verr e;
	if (serve(&x, envp, &upload, &e) == -1) {
		respond_problem(&x, &e);
		note(&x, &e);
	}
	int status = x.res.status;
	/* A client that is gone needs no answer. */
	(void)respond_send(&x);
	buf_done(&x.res.head);
	buf_done(&x.res.body);
	w->shared->answers[status / 100]++;
	return status;
}
