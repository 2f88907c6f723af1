/* What the commands of `vulcan` share. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "fd.h"
#include "outcome.h"
#include "poison.h"
#include "problem.h"
#include "term.h"
#include "ulid.h"

#define ANSWER_TIMEOUT_MS 60000

enum {
	OPT_URL = 1000,
	OPT_TOKEN_FILE,
	OPT_STATE,
	OPT_JSON,
	OPT_HELP,
};

const struct opt cli_common_options[] = {
	{OPT_URL, 0, "url", "URL", "address of Vulcan (VULCAN_URL)"},
	{OPT_TOKEN_FILE, 0, "token-file", "FILE",
		"file with the API key (or VULCAN_TOKEN)"},
	{OPT_STATE, 0, "state", "DIR",
		"folder with url and admin-token (VULCAN_STATE; var)"},
	{OPT_JSON, 0, "json", NULL, "print the API's JSON"},
	{OPT_HELP, 'h', "help", NULL, "this help"},
	{0, 0, NULL, NULL, NULL},
};

int
cli_next(struct cli *c, struct opt_iter *it, int *ret_id,
	const char **ret_value, struct verr *e)
{
	int id, r;
	const char *value;
	while ((r = opt_next(it, &id, &value, e)) == 1) {
		switch (id) {
		case OPT_URL:
			c->given.url = value;
			break;
		case OPT_TOKEN_FILE:
			c->given.token_file = value;
			break;
		case OPT_STATE:
			c->given.state = value;
			break;
		case OPT_JSON:
			c->json = true;
			break;
		case OPT_HELP:
			c->help = true;
			return 0;
		default:
			*ret_id = id;
			*ret_value = value;
			return 1;
		}
	}
	return r;
}

int
cli_words(struct cli *c, struct opt_iter *it, const char **ret_word,
	struct verr *e)
{
	int id, r;
	const char *word = NULL, *value;
	while ((r = cli_next(c, it, &id, &value, e)) == 1) {
		if (ret_word == NULL || word != NULL)
			return verr_set(e, VERR_INPUT, 0,
				"'%.60s' is one word too many", value);
		word = value;
	}
	if (r == -1)
		return -1;
	if (ret_word != NULL && word == NULL && !c->help)
		return verr_set(e, VERR_INPUT, 0, "an ID is missing");
	if (ret_word != NULL)
		*ret_word = word;
	return 0;
}

void
cli_say(const char *text)
{
	fprintf(stderr, "vulcan: %s%s", text,
		text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static void
say_escaped(const char *text)
{
	struct verr e;
	struct buf v_autobuf line = BUF(65536);
	if (term_escape(text, strlen(text), &line, &e) == -1)
		cli_say(e.msg);
	else
		cli_say(buf_text(&line));
}

int
cli_fail(const struct cli *c, const struct verr *e)
{
	say_escaped(e->msg);
	return e->kind == VERR_INPUT ? c->command->usage : c->command->failed;
}

int
cli_misused(const struct cli *c, const struct verr *e)
{
	say_escaped(e->msg);
	fprintf(stderr, "  vulcan %s --help says what it takes\n",
		c->command->name);
	return c->command->usage;
}

int
cli_connect(struct cli *c, struct verr *e)
{
	if (connect_find(&c->given, &c->to, e) == -1)
		return -1;
	c->http = http_new(&c->to, e);
	return c->http != NULL ? 0 : -1;
}

int
cli_path(struct buf *path, const char *id, const char *tail, struct verr *e)
{
	char upper[ULID_TEXT_BYTES] = "";
	for (size_t i = 0; i < ULID_CHARS && id[i] != '\0'; i++)
		upper[i] = (char)toupper((unsigned char)id[i]);
	if (strlen(id) != ULID_CHARS || !ulid_valid(upper))
		return verr_set(e, VERR_INPUT, 0,
			"'%.40s' is no ID; an ID has %d letters and digits, "
			"vulcan ls shows them",
			id, ULID_CHARS);
	return buf_addf(path, e, "/v1/workloads/%s%s", upper, tail);
}

int
cli_out(const struct buf *b, struct verr *e)
{
	if (b->len == 0)
		return 0;
	if (fd_write_all(STDOUT_FILENO, b->data, b->len, e) == -1)
		return verr_wrap(e, "standard output");
	return 0;
}

int
cli_json(struct buf *answer, struct verr *e)
{
	bool whole = answer->len > 0 && answer->data[answer->len - 1] == '\n';
	if (!whole && buf_addc(answer, '\n', e) == -1)
		return -1;
	return cli_out(answer, e);
}

void
cli_refused(const struct cli *c, long status, const struct buf *answer)
{
	struct verr e;
	struct buf v_autobuf text = BUF(HTTP_BODY_BYTES);
	if (c->json &&
		fd_write_all(STDOUT_FILENO, buf_text(answer), answer->len,
			&e) == 0 &&
		answer->len > 0)
		(void)!write(STDOUT_FILENO, "\n", 1);
	if (problem_text(status, buf_text(answer), &text, &e) == -1)
		cli_say(e.msg);
	else
		cli_say(buf_text(&text));
}

int
cli_call(struct cli *c, const struct http_request *given, struct buf *answer,
	cJSON **ret, struct verr *e)
{
	long status = 0;
	struct http_request r = *given;
	if (r.timeout_ms == 0)
		r.timeout_ms = ANSWER_TIMEOUT_MS;
	int sent = http_send(c->http, &r, &status, answer, e);
	if (sent == -1)
		return -1;
	if (sent == 0)
		return verr_set(e, VERR_HOST, 0, "interrupted");
	if (status < 200 || status > 299) {
		cli_refused(c, status, answer);
		return 0;
	}
	if (ret == NULL)
		return 1;
	*ret = outcome_parse(buf_text(answer));
	if (*ret == NULL)
		return verr_set(e, VERR_PROTO, 0,
			"%s answers with something that is not JSON",
			c->to.url);
	return 1;
}
