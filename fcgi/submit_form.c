/* A submission out of the page's form, or out of an earlier workload. */
#include <stdio.h>
#include <string.h>

#include "body_json.h"
#include "json.h"
#include "num.h"
#include "poison.h"
#include "record.h"
#include "submit.h"

/* Browsers end lines of a text area with CR LF; programs expect LF. */
static const char *
unix_lines(struct exchange *x, const char *text)
{
	char *out = arena_strdup(x->arena, text), *to = out;
	for (const char *p = out; *p != '\0'; p++)
		if (p[0] != '\r' || p[1] != '\n')
			*to++ = *p;
	*to = '\0';
	return out;
}

/* The value of a field, NULL when it is blank. */
static const char *
value(struct exchange *x, const char *name)
{
	const char *v = form_get(&x->form, name);
	return v != NULL && v[0] != '\0' ? v : NULL;
}

static int
read_lines(struct exchange *x, const char *name, bool pairs, const char **ret,
	struct verr *e)
{
	const char *text = value(x, name);
	if (text == NULL)
		return 0;
	text = unix_lines(x, text);
	struct buf v_autobuf out = BUF(SUBMIT_TEXT_BYTES);
	struct json j;
	json_begin(&j, &out);
	pairs ? json_object(&j) : json_array(&j);
	int count = 0;
	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		if (len == 0)
			continue;
		if (++count > SUBMIT_ARGS_MAX)
			return refuse_field(x, name, NULL, e,
				"at most %d lines", SUBMIT_ARGS_MAX);
		if (!pairs) {
			json_bytes(&j, text, len);
			continue;
		}
		const char *eq = memchr(text, '=', len);
		size_t key = strspn(text,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			"0123456789_");
		if (eq == NULL || key == 0 || text + key != eq ||
			(text[0] >= '0' && text[0] <= '9'))
			return refuse_field(x, name, "NAME=value", e,
				"line %d is not a name, = and a value", count);
		json_key(&j, arena_bytes(x->arena, text, key));
		json_bytes(&j, eq + 1, len - key - 1);
	}
	pairs ? json_object_end(&j) : json_array_end(&j);
	if (json_end(&j, e) == -1)
		return refuse_field(x, name, NULL, e, "at most %d bytes",
			SUBMIT_TEXT_BYTES);
	*ret = arena_bytes(x->arena, out.data, out.len);
	return 0;
}

static int
read_uploads(struct exchange *x, struct submission *s, struct verr *e)
{
	if (x->upload == NULL)
		return 0;
	for (size_t i = 0; i < x->upload->file_count; i++) {
		const struct upload_file *u = &x->upload->files[i];
		if (strcmp(u->field, "files") != 0)
			return refuse_field(x, "files", NULL, e,
				"files belong into the field files");
		const struct submit_file f = {
			.name = u->name,
			.len = (size_t)u->bytes,
			.fd = u->fd,
			.sha256 = u->sha256,
		};
		if (submit_add(x, s, "files", &f, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_input(struct exchange *x, struct submission *s, struct verr *e)
{
	const struct body_json_limits limits = {
		.bytes_max = x->web->conf->request_bytes_max,
		.items_max = 100000,
	};
	s->input = value(x, "input");
	if (s->input == NULL)
		return 0;
	struct field_error inner = {.field = ""};
	if (body_json_check(s->input, strlen(s->input), &limits, &inner, e) ==
		0)
		return 0;
	struct verr why = *e;
	return refuse_field(
		x, "input", "JSON, such as {\"n\": 1}", e, "%s", why.msg);
}

static int
read_limits(struct exchange *x, struct submission *s, struct verr *e)
{
	for (int i = 0; i < SUBMIT_LIMITS; i++) {
		const char *name = submit_limit_table[i].name;
		const char *text = value(x, name);
		if (text == NULL ||
			num_u64s(text, 1, BODY_JSON_EXACT_MAX, "this",
				&s->limit[i], e) == 0)
			continue;
		struct verr why = *e;
		return refuse_field(x,
			arena_printf(x->arena, "limits.%s", name),
			"a whole number, or nothing for the default", e, "%s",
			why.msg);
	}
	return 0;
}

int
submit_from_form(struct exchange *x, struct submission *s, struct verr *e)
{
	s->runtime = value(x, "runtime");
	s->isolation = value(x, "isolation");
	s->entrypoint = value(x, "entrypoint");
	if (s->entrypoint != NULL && !submit_name_ok(s->entrypoint))
		return refuse_field(x, "entrypoint",
			"a relative path without .. or backslashes", e,
			"this is not a name for a file");
	const char *code = value(x, "code");
	if (code != NULL) {
		code = unix_lines(x, code);
		s->files[s->file_count++] = (struct submit_file){
			.data = code, .len = strlen(code), .fd = -1};
	}
	const char *input = value(x, "stdin");
	if (input != NULL) {
		s->stdin_data = unix_lines(x, input);
		s->stdin_len = strlen(s->stdin_data);
	}
	if (read_limits(x, s, e) == -1 || read_uploads(x, s, e) == -1 ||
		read_input(x, s, e) == -1 ||
		read_lines(x, "args", false, &s->args, e) == -1)
		return -1;
	return read_lines(x, "env", true, &s->env, e);
}

struct again {
	struct exchange *x;
	struct submission *s;
};

static int
on_workload(void *arg, const struct db_workload *w, struct verr *e)
{
	(void)e;
	const struct again *g = arg;
	struct arena *a = g->x->arena;
	struct submission *s = g->s;
	s->runtime = runtime_text(w->runtime);
	s->isolation = arena_strdup(a, w->isolation_requested);
	s->entrypoint = arena_strdup(a, w->entrypoint);
	s->args = arena_strdup(a, w->args);
	s->env = arena_strdup(a, w->env);
	s->labels = arena_strdup(a, w->labels);
	s->input = w->input != NULL ? arena_strdup(a, w->input) : NULL;
	if (w->stdin_data != NULL)
		s->stdin_data = arena_bytes(a, w->stdin_data, w->stdin_len);
	s->stdin_len = w->stdin_len;
	s->priority = w->priority;
	struct run_limits limits = w->limits;
	for (int i = 0; i < SUBMIT_LIMITS; i++)
		s->limit[i] =
			*submit_limit_field(&limits, (enum submit_limit)i);
	return 0;
}

static int
on_file(void *arg, const struct db_file *row, struct verr *e)
{
	const struct again *g = arg;
	struct arena *a = g->x->arena;
	const struct submit_file f = {
		.name = arena_strdup(a, row->name),
		.data = row->content != NULL
			? arena_bytes(a, row->content, row->size_bytes)
			: NULL,
		.len = row->size_bytes,
		.fd = -1,
		.sha256 = arena_strdup(a, row->sha256),
	};
	return submit_add(g->x, g->s, "files", &f, e);
}

int
submit_from_workload(struct exchange *x, const char *id, struct submission *s,
	struct verr *e)
{
	struct again g = {.x = x, .s = s};
	int r = db_workload_get(
		x->web->db, id, identity_scope(&x->who), on_workload, &g, e);
	if (r == 0)
		return record_missing(x, id, e);
	if (r == -1)
		return -1;
	return db_file_each(x->web->db, id, on_file, &g, e);
}
