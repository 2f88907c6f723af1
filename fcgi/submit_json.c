/* A submission out of the JSON body of POST /v1/workloads. */
#include <sodium.h>
#include <string.h>

#include "body_json.h"
#include "json.h"
#include "poison.h"
#include "submit.h"

/* What a later tier brings is refused by name until that tier is here. */
struct absent {
	const char *name;
	const char *says;
	const char *hint;
};
static const struct absent absent[] = {
	{"image", "images need the gvisor tier with an image store",
		"send `code` or `files` instead"},
	{"command",
		"a command belongs to an image, and images do not run "
		"here",
		"send `code` or `files` instead"},
	{"archive", "archives are not unpacked here",
		"send the files one by one in `files`"},
	{"trace", "no tier here traces system calls", "leave it out"},
	{"repeat", "comparisons are not made here",
		"submit the workload as often as it should run"},
	{"sandbox", "no tier here runs without a sandbox", "leave it out"},
};

static const char *const members[] = {"runtime", "isolation", "code", "files",
	"archive", "image", "command", "entrypoint", "input", "stdin",
	"stdin_base64", "args", "env", "limits", "network", "labels",
	"priority", "repeat", "trace", "sandbox", NULL};

static int
refuse_absent(struct exchange *x, const struct json_in *in, struct verr *e)
{
	const cJSON *v;
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		if (json_get_any(in, absent[i].name, &v) == 1)
			return refuse_field(x, absent[i].name, absent[i].hint,
				e, "%s", absent[i].says);
	if (json_get_any(in, "isolation", &v) == 1 && cJSON_IsArray(v))
		return refuse_field(x, "isolation",
			"name one tier, and submit once for each", e,
			"a list asks for a comparison, which is not made "
			"here");
	if (json_get_any(in, "network", &v) == 1 &&
		(!cJSON_IsString(v) || strcmp(v->valuestring, "none") != 0))
		return refuse_field(x, "network", "only \"none\" is possible",
			e, "no tier here gives a network to a run");
	return 0;
}

/* Bytes of a base64 text, in the arena. */
static int
decode(struct exchange *x, const char *field, const char *text,
	const void **ret, size_t *ret_len, struct verr *e)
{
	size_t n = strlen(text), len = 0;
	unsigned char *out = arena_alloc(x->arena, n / 4 * 3 + 4);
	const char *end = NULL;
	if (sodium_base642bin(out, n / 4 * 3 + 3, text, n, "\r\n", &len, &end,
		    sodium_base64_VARIANT_ORIGINAL) != 0 ||
		end != text + n) {
		x->refused = 400;
		field_refuse(&x->field, e, field, "this is not base64");
		return field_hint(&x->field,
			"RFC 4648, section 4: A-Z a-z 0-9 + / with padding");
	}
	*ret = out;
	*ret_len = len;
	return 0;
}

static int
read_file(struct exchange *x, struct submission *s, const cJSON *item,
	const char *at, struct verr *e)
{
	static const char *const names[] = {
		"name", "content", "encoding", NULL};
	static const char *const encodings[] = {"utf8", "base64", NULL};
	const struct json_in in = {.object = item, .at = at};
	const char *name = NULL, *content = NULL, *encoding = "utf8";
	if (!cJSON_IsObject(item))
		return field_refuse(&x->field, e, at,
			"a file is an object of name and content");
	if (json_only(&in, names, &x->field, e) == -1 ||
		json_get_text(&in, "name", 1, SUBMIT_NAME_BYTES, &name,
			&x->field, e) == -1 ||
		json_get_text(&in, "content", 0, SIZE_MAX, &content, &x->field,
			e) == -1 ||
		json_get_word(&in, "encoding", encodings, &encoding, &x->field,
			e) == -1)
		return -1;
	if (name == NULL || content == NULL)
		return field_refuse(&x->field, e, at, "%s is missing",
			name == NULL ? "name" : "content");
	struct submit_file f = {.name = name,
		.data = content,
		.len = strlen(content),
		.fd = -1};
	if (encoding[0] == 'b' &&
		decode(x, arena_printf(x->arena, "%s.content", at), content,
			&f.data, &f.len, e) == -1)
		return -1;
	return submit_add(x, s, arena_printf(x->arena, "%s.name", at), &f, e);
}

static int
read_files(struct exchange *x, struct submission *s, const struct json_in *in,
	struct verr *e)
{
	const cJSON *list = NULL;
	int r = json_get_array(
		in, "files", 0, x->web->conf->files_max, &list, &x->field, e);
	if (r != 1)
		return r;
	const cJSON *item;
	size_t i = 0;
	cJSON_ArrayForEach(item, list)
	{
		const char *at = arena_printf(x->arena, "files[%zu]", i++);
		if (read_file(x, s, item, at, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_code(struct exchange *x, struct submission *s, const struct json_in *in,
	struct verr *e)
{
	const char *code = NULL;
	int r = json_get_text(in, "code", 1, SIZE_MAX, &code, &x->field, e);
	if (r == -1)
		return -1;
	if (r == 1)
		s->files[s->file_count++] = (struct submit_file){
			.data = code, .len = strlen(code), .fd = -1};
	if (json_get_text(in, "entrypoint", 1, SUBMIT_NAME_BYTES,
		    &s->entrypoint, &x->field, e) == -1)
		return -1;
	if (s->entrypoint != NULL && !submit_name_ok(s->entrypoint))
		return refuse_field(x, "entrypoint",
			"a relative path without .. or backslashes", e,
			"this is not a name for a file");
	if (r == 1 && cJSON_HasObjectItem(in->object, "files"))
		return refuse_field(x, "code", "put it among the files", e,
			"send either code or files");
	return read_files(x, s, in, e);
}

/* A list of text, as JSON again. */
static int
read_args(struct exchange *x, struct submission *s, const struct json_in *in,
	struct verr *e)
{
	const cJSON *list = NULL, *item;
	int r = json_get_array(
		in, "args", 0, SUBMIT_ARGS_MAX, &list, &x->field, e);
	if (r != 1)
		return r;
	struct buf v_autobuf out = BUF(SUBMIT_TEXT_BYTES);
	struct json j;
	json_begin(&j, &out);
	json_array(&j);
	cJSON_ArrayForEach(item, list)
	{
		if (!cJSON_IsString(item))
			return field_refuse(
				&x->field, e, "args", "every argument is text");
		json_text(&j, item->valuestring);
	}
	json_array_end(&j);
	if (json_end(&j, e) == -1)
		return refuse_field(x, "args", NULL, e, "at most %d bytes",
			SUBMIT_TEXT_BYTES);
	s->args = arena_bytes(x->arena, out.data, out.len);
	return 0;
}

static bool
variable_name_ok(const char *s)
{
	return s[0] != '\0' && (s[0] < '0' || s[0] > '9') &&
		s[strspn(s,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			"0123456789_")] == '\0';
}

/* An object of text values, as JSON again. */
static int
read_texts(struct exchange *x, const struct json_in *in, const char *name,
	int max, const char **ret, struct verr *e)
{
	char room[FIELD_NAME_BYTES];
	struct json_in object;
	int r = json_get_object(in, name, room, &object, &x->field, e);
	if (r != 1)
		return r;
	if (cJSON_GetArraySize(object.object) > max)
		return refuse_field(
			x, name, NULL, e, "at most %d entries", max);
	bool variables = strcmp(name, "env") == 0;
	struct buf v_autobuf out = BUF(SUBMIT_TEXT_BYTES);
	struct json j;
	json_begin(&j, &out);
	json_object(&j);
	const cJSON *item;
	cJSON_ArrayForEach(item, object.object)
	{
		const char *at =
			arena_printf(x->arena, "%s.%.60s", name, item->string);
		if (!cJSON_IsString(item))
			return field_refuse(
				&x->field, e, at, "the value must be text");
		if (variables ? !variable_name_ok(item->string)
			      : item->string[0] == '\0')
			return field_refuse(&x->field, e, at,
				"a name has letters, digits and _ only");
		json_key_text(&j, item->string, item->valuestring);
	}
	json_object_end(&j);
	if (json_end(&j, e) == -1)
		return refuse_field(x, name, NULL, e, "at most %d bytes",
			SUBMIT_TEXT_BYTES);
	*ret = arena_bytes(x->arena, out.data, out.len);
	return 0;
}

static int
read_limits(struct exchange *x, struct submission *s, const struct json_in *in,
	struct verr *e)
{
	const char *names[SUBMIT_LIMITS + 1] = {NULL};
	for (int i = 0; i < SUBMIT_LIMITS; i++)
		names[i] = submit_limit_table[i].name;
	char room[FIELD_NAME_BYTES];
	struct json_in object;
	int r = json_get_object(in, "limits", room, &object, &x->field, e);
	if (r != 1)
		return r;
	if (json_only(&object, names, &x->field, e) == -1)
		return -1;
	for (int i = 0; i < SUBMIT_LIMITS; i++)
		if (json_get_u64(&object, names[i], 1, BODY_JSON_EXACT_MAX,
			    &s->limit[i], &x->field, e) == -1)
			return -1;
	return 0;
}

static int
read_stdin(struct exchange *x, struct submission *s, const struct json_in *in,
	struct verr *e)
{
	const char *text = NULL, *coded = NULL;
	if (json_get_text(in, "stdin", 0, SIZE_MAX, &text, &x->field, e) ==
			-1 ||
		json_get_text(in, "stdin_base64", 0, SIZE_MAX, &coded,
			&x->field, e) == -1)
		return -1;
	if (text != NULL && coded != NULL)
		return refuse_field(x, "stdin_base64", "leave one out", e,
			"send either stdin or stdin_base64");
	if (coded != NULL)
		return decode(x, "stdin_base64", coded, &s->stdin_data,
			&s->stdin_len, e);
	s->stdin_data = text;
	s->stdin_len = text != NULL ? strlen(text) : 0;
	return 0;
}

static int
read_input(struct exchange *x, struct submission *s)
{
	const char *span;
	size_t len;
	/* As it came: a double would change large numbers. */
	if (body_json_span(x->body, x->body_len, "input", &span, &len) == 1)
		s->input = arena_bytes(x->arena, span, len);
	return 0;
}

int
submit_from_json(struct exchange *x, const cJSON *body, struct submission *s,
	struct verr *e)
{
	struct json_in in;
	uint64_t priority = 0;
	if (json_root(body, &in, &x->field, e) == -1 ||
		json_only(&in, members, &x->field, e) == -1 ||
		refuse_absent(x, &in, e) == -1 ||
		json_get_text(&in, "runtime", 1, 64, &s->runtime, &x->field,
			e) == -1 ||
		json_get_text(&in, "isolation", 1, 64, &s->isolation, &x->field,
			e) == -1 ||
		json_get_u64(&in, "priority", 0, 9, &priority, &x->field, e) ==
			-1)
		return -1;
	s->priority = (int64_t)priority;
	if (read_code(x, s, &in, e) == -1 || read_stdin(x, s, &in, e) == -1 ||
		read_args(x, s, &in, e) == -1 ||
		read_texts(x, &in, "env", SUBMIT_ENV_MAX, &s->env, e) == -1 ||
		read_texts(x, &in, "labels", SUBMIT_LABELS_MAX, &s->labels,
			e) == -1)
		return -1;
	return read_limits(x, s, &in, e) == -1 ? -1 : read_input(x, s);
}
