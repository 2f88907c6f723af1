/* vulcan status, kill, rerun: commands on one workload. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "outcome.h"
#include "poison.h"
#include "term.h"

#define DEPTH_MAX 2

static bool
is_long_text(const char *key)
{
	static const char *const keys[] = {
		"stdout", "stderr", "stdout_base64", "stderr_base64"};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static int
add_value(
	struct buf *out, const cJSON *parent, const cJSON *item, struct verr *e)
{
	struct buf v_autobuf plain = BUF(HTTP_BODY_BYTES);
	int r;
	if (cJSON_IsString(item)) {
		r = buf_adds(&plain, item->valuestring, e);
	} else if (cJSON_IsNumber(item)) {
		r = outcome_number(parent, item->string, &plain, e);
	} else {
		char *text = cJSON_PrintUnformatted(item);
		r = buf_adds(&plain, text != NULL ? text : "", e);
		free(text);
	}
	if (r == -1)
		return -1;
	return term_escape(buf_text(&plain), plain.len, out, e);
}

/* "phases.exec   1.204" for a member of an object within the record. */
static int
add_members(struct buf *out, const char *prefix, const cJSON *object,
	unsigned depth, struct verr *e)
{
	const cJSON *item;
	cJSON_ArrayForEach(item, object)
	{
		struct buf v_autobuf name = BUF(4096);
		struct buf v_autobuf key = BUF(65536);
		bool empty = cJSON_IsNull(item) ||
			(cJSON_IsString(item) &&
				item->valuestring[0] == '\0') ||
			((cJSON_IsObject(item) || cJSON_IsArray(item)) &&
				item->child == NULL);
		if (empty || is_long_text(item->string))
			continue;
		if (buf_addf(&name, e, "%s%s", prefix, item->string) == -1 ||
			term_escape(buf_text(&name), name.len, &key, e) == -1)
			return -1;
		if (cJSON_IsObject(item) && depth < DEPTH_MAX &&
			strcmp(item->string, "output") != 0) {
			if (buf_addc(&name, '.', e) == -1 ||
				add_members(out, name.data, item, depth + 1,
					e) == -1)
				return -1;
			continue;
		}
		if (buf_addf(out, e, "%-26s ", buf_text(&key)) == -1 ||
			add_value(out, object, item, e) == -1 ||
			buf_addc(out, '\n', e) == -1)
			return -1;
	}
	return 0;
}

static int
print_record(const cJSON *record, struct verr *e)
{
	struct buf v_autobuf out = BUF(HTTP_BODY_BYTES);
	if (add_members(&out, "", record, 0, e) == -1)
		return -1;
	return cli_out(&out, e);
}

/* A command of one ID that sends one request and shows its answer. */
static int
one_request(struct cli *c, struct opt_iter *it, const char *method,
	const char *tail, int (*print)(const cJSON *, struct verr *))
{
	struct verr e;
	const char *id;
	struct buf v_autobuf path = BUF(256);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	cJSON v_autocjson *record = NULL;
	if (cli_words(c, it, &id, &e) == -1)
		return cli_misused(c, &e);
	if (c->help)
		return CLI_OK;
	if (cli_path(&path, id, tail, &e) == -1 || cli_connect(c, &e) == -1)
		return cli_fail(c, &e);
	struct http_request request = {.method = method, .path = path.data};
	int r = cli_call(c, &request, &answer, &record, &e);
	if (r == 0)
		return c->command->failed;
	if (r == 1)
		r = c->json ? cli_json(&answer, &e) : print(record, &e);
	return r == -1 ? cli_fail(c, &e) : CLI_OK;
}

int
cli_status(struct cli *c, struct opt_iter *it)
{
	return one_request(c, it, NULL, "", print_record);
}

static int
print_end(const cJSON *record, struct verr *e)
{
	struct buf v_autobuf out = BUF(65536);
	if (!outcome_settled(record))
		return verr_set(e, VERR_HOST, 0,
			"it is told to end and has not yet; vulcan status %s "
			"says when",
			outcome_text(record, "id"));
	if (outcome_line(record, &out, e) == -1 ||
		buf_addc(&out, '\n', e) == -1)
		return -1;
	return cli_out(&out, e);
}

int
cli_kill(struct cli *c, struct opt_iter *it)
{
	return one_request(c, it, "DELETE", "", print_end);
}

static int
print_id(const cJSON *record, struct verr *e)
{
	struct buf v_autobuf out = BUF(65536);
	const char *id = outcome_text(record, "id");
	if (term_escape(id, strlen(id), &out, e) == -1 ||
		buf_addc(&out, '\n', e) == -1)
		return -1;
	return cli_out(&out, e);
}

int
cli_rerun(struct cli *c, struct opt_iter *it)
{
	return one_request(c, it, "POST", "/rerun", print_id);
}
