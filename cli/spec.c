/* The request that `vulcan run` sends. */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base64.h"
#include "fd.h"
#include "guess.h"
#include "json.h"
#include "num.h"
#include "poison.h"
#include "spec.h"
#include "utf8.h"

static int
read_path(const char *path, struct buf *out, struct verr *e)
{
	struct stat st;
	if (strcmp(path, "-") == 0)
		path = "/dev/stdin";
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return verr_set(e, VERR_INPUT, 0,
			"%s is a folder; name its files, or pack it into an "
			"archive (tar -czf code.tar.gz -C %s .)",
			path, path);
	return fd_read_file(AT_FDCWD, path, out, e);
}

static bool
is_text(const struct buf *b)
{
	const char *p = buf_text(b);
	return utf8_valid(p, b->len) && memchr(p, 0, b->len) == NULL;
}

static int
key_base64(struct json *j, const char *key, const struct buf *b, struct verr *e)
{
	struct buf v_autobuf text = BUF(SPEC_BODY_BYTES);
	if (base64_encode(buf_text(b), b->len, &text, e) == -1)
		return -1;
	json_key(j, key);
	json_bytes(j, buf_text(&text), text.len);
	return 0;
}

static size_t
count_kind(const struct spec *s, enum spec_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == kind)
			n++;
	return n;
}

static const char *
first_file(const struct spec *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == SPEC_FILE)
			return s->items[i].text;
	return NULL;
}

static int
put_file(struct json *j, const char *path, struct verr *e)
{
	struct buf v_autobuf content = BUF(SPEC_FILE_BYTES);
	if (read_path(path, &content, e) == -1)
		return -1;
	json_object(j);
	json_key_text(j, "name", guess_name(path));
	if (is_text(&content)) {
		json_key(j, "content");
		json_bytes(j, buf_text(&content), content.len);
	} else {
		if (key_base64(j, "content", &content, e) == -1)
			return -1;
		json_key_text(j, "encoding", "base64");
	}
	json_object_end(j);
	return 0;
}

static int
put_files(struct json *j, const struct spec *s, struct verr *e)
{
	json_key(j, "files");
	json_array(j);
	for (size_t i = 0; i < s->count; i++) {
		if (s->items[i].kind != SPEC_FILE)
			continue;
		if (guess_archive(s->items[i].text))
			return verr_set(e, VERR_INPUT, 0,
				"%s: an archive must be the only FILE",
				s->items[i].text);
		if (put_file(j, s->items[i].text, e) == -1)
			return -1;
	}
	json_array_end(j);
	json_key_text(j, "entrypoint",
		s->entrypoint != NULL ? s->entrypoint
				      : guess_name(first_file(s)));
	return 0;
}

static int
put_one(struct json *j, const struct spec *s, const char *path, struct verr *e)
{
	struct buf v_autobuf content = BUF(SPEC_FILE_BYTES);
	if (read_path(path, &content, e) == -1)
		return -1;
	if (guess_archive(path)) {
		if (key_base64(j, "archive", &content, e) == -1)
			return -1;
	} else if (is_text(&content)) {
		json_key(j, "code");
		json_bytes(j, buf_text(&content), content.len);
	} else {
		return verr_set(e, VERR_INPUT, 0,
			"%s: what comes on standard input must be text", path);
	}
	if (s->entrypoint != NULL)
		json_key_text(j, "entrypoint", s->entrypoint);
	return 0;
}

static int
put_program(struct json *j, const struct spec *s, struct verr *e)
{
	size_t files = count_kind(s, SPEC_FILE);
	const char *first = first_file(s);
	if (s->code != NULL && files > 0)
		return verr_set(e, VERR_INPUT, 0,
			"-e gives the code and so does %s; give one", first);
	if (s->code == NULL && files == 0)
		return verr_set(e, VERR_INPUT, 0,
			"what to run? Give a FILE, or -e and code");
	const char *runtime = s->runtime;
	if (runtime == NULL && s->code != NULL)
		runtime = "javascript";
	if (runtime == NULL && !guess_archive(first))
		runtime = guess_runtime(first);
	if (runtime == NULL)
		return verr_set(e, VERR_INPUT, 0,
			"%s does not tell the language; give --runtime", first);
	json_key_text(j, "runtime", runtime);
	if (s->code != NULL) {
		json_key_text(j, "code", s->code);
		if (s->entrypoint != NULL)
			json_key_text(j, "entrypoint", s->entrypoint);
		return 0;
	}
	bool one =
		files == 1 && (guess_archive(first) || strcmp(first, "-") == 0);
	return one ? put_one(j, s, first, e) : put_files(j, s, e);
}

/* The input goes as it is written: a number keeps all its digits. */
static int
put_input(struct json *j, const struct spec *s, struct verr *e)
{
	if (s->input == NULL)
		return 0;
	struct buf v_autobuf text = BUF(SPEC_FILE_BYTES);
	if (s->input[0] == '@') {
		if (read_path(s->input + 1, &text, e) == -1)
			return -1;
	} else if (buf_adds(&text, s->input, e) == -1) {
		return -1;
	}
	const char *end;
	cJSON *value = cJSON_ParseWithOpts(buf_text(&text), &end, 1);
	bool valid = value != NULL && memchr(text.data, 0, text.len) == NULL;
	cJSON_Delete(value);
	if (!valid)
		return verr_set(e, VERR_INPUT, 0,
			"--input is not JSON from byte %zu on; text needs "
			"quotes of its own: '\"text\"'",
			(size_t)(end - buf_text(&text)) + 1);
	json_key(j, "input");
	json_raw(j, buf_text(&text), text.len);
	return 0;
}

static int
put_stdin(struct json *j, const struct spec *s, struct verr *e)
{
	const char *from = s->stdin_from;
	if (from == NULL)
		return 0;
	struct buf v_autobuf bytes = BUF(SPEC_FILE_BYTES);
	int r;
	if (strcmp(from, "-") == 0)
		r = read_path("-", &bytes, e);
	else if (from[0] == '@')
		r = read_path(from + 1, &bytes, e);
	else
		r = buf_adds(&bytes, from, e);
	if (r == -1)
		return -1;
	if (!is_text(&bytes))
		return key_base64(j, "stdin_base64", &bytes, e);
	json_key(j, "stdin");
	json_bytes(j, buf_text(&bytes), bytes.len);
	return 0;
}

static int
put_args(struct json *j, const struct spec *s)
{
	if (count_kind(s, SPEC_ARG) == 0)
		return 0;
	json_key(j, "args");
	json_array(j);
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == SPEC_ARG)
			json_text(j, s->items[i].text);
	json_array_end(j);
	return 0;
}

static int
put_pair(struct json *j, const char *option, const struct spec_item *item,
	struct verr *e)
{
	const char *equals = strchr(item->text, '=');
	char name[128];
	size_t n = equals != NULL ? (size_t)(equals - item->text) : 0;
	if (n == 0 || n >= sizeof(name))
		return verr_set(e, VERR_INPUT, 0,
			"%s %.60s: a short name, '=' and a value are wanted",
			option, item->text);
	memcpy(name, item->text, n);
	name[n] = '\0';
	if (item->kind != SPEC_LIMIT) {
		json_key_text(j, name, equals + 1);
		return 0;
	}
	uint64_t value;
	if (num_u64s(equals + 1, 0, UINT64_C(1) << 53, name, &value, e) == -1)
		return verr_wrap(e, "%s", option);
	json_key_u64(j, name, value);
	return 0;
}

static int
put_pairs(struct json *j, const struct spec *s, enum spec_kind kind,
	const char *key, const char *option, struct verr *e)
{
	if (count_kind(s, kind) == 0)
		return 0;
	json_key(j, key);
	json_object(j);
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == kind &&
			put_pair(j, option, &s->items[i], e) == -1)
			return -1;
	json_object_end(j);
	return 0;
}

static int
put_words(struct json *j, const struct spec *s, struct verr *e)
{
	uint64_t priority;
	if (s->isolation != NULL)
		json_key_text(j, "isolation", s->isolation);
	if (s->network != NULL)
		json_key_text(j, "network", s->network);
	if (s->priority == NULL)
		return 0;
	bool below = s->priority[0] == '-';
	if (num_u64s(s->priority + below, 0, 1000000, "--priority", &priority,
		    e) == -1)
		return -1;
	json_key(j, "priority");
	json_i64(j, below ? -(int64_t)priority : (int64_t)priority);
	return 0;
}

/* Only one of the program, its input and its stdin may be our own stdin. */
static int
check_stdin(const struct spec *s, struct verr *e)
{
	unsigned users = 0;
	if (s->stdin_from != NULL &&
		(strcmp(s->stdin_from, "-") == 0 ||
			strcmp(s->stdin_from, "@-") == 0))
		users++;
	if (s->input != NULL && strcmp(s->input, "@-") == 0)
		users++;
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].kind == SPEC_FILE &&
			strcmp(s->items[i].text, "-") == 0)
			users++;
	if (users > 1)
		return verr_set(e, VERR_INPUT, 0,
			"standard input can be read only once; give a file "
			"instead of one '-'");
	return 0;
}

int
spec_body(const struct spec *s, struct buf *out, struct verr *e)
{
	struct json j;
	json_begin(&j, out);
	json_object(&j);
	if (check_stdin(s, e) == -1 || put_words(&j, s, e) == -1 ||
		put_program(&j, s, e) == -1 || put_input(&j, s, e) == -1 ||
		put_stdin(&j, s, e) == -1 || put_args(&j, s) == -1 ||
		put_pairs(&j, s, SPEC_ENV, "env", "--env", e) == -1 ||
		put_pairs(&j, s, SPEC_LIMIT, "limits", "--limit", e) == -1 ||
		put_pairs(&j, s, SPEC_LABEL, "labels", "--label", e) == -1)
		return -1;
	json_object_end(&j);
	return json_end(&j, e);
}
