/* vulcan run: submit, wait, pass on what the program wrote. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli.h"
#include "fd.h"
#include "outcome.h"
#include "poison.h"
#include "spec.h"
#include "term.h"
#include "vtime.h"

#define WAIT_TAIL "?wait=25"
#define WAIT_TIMEOUT_MS 40000
#define PAUSE_MS_FIRST 20
#define PAUSE_MS_MAX 1000
/* How long a Vulcan that does not answer is given to come back. */
#define SILENCE_NS (INT64_C(15000) * VTIME_NS_PER_MS)

enum {
	OPT_ISOLATION = 1,
	OPT_RUNTIME,
	OPT_CODE,
	OPT_ENTRYPOINT,
	OPT_INPUT,
	OPT_STDIN,
	OPT_ARG,
	OPT_ENV,
	OPT_LIMIT,
	OPT_LABEL,
	OPT_NETWORK,
	OPT_PRIORITY,
	OPT_ASYNC,
	OPT_QUIET,
};

const struct opt cli_run_options[] = {
	{OPT_ISOLATION, 'i', "isolation", "TIER",
		"auto, isolate, gvisor or microvm"},
	{OPT_RUNTIME, 'r', "runtime", "NAME", "told from the file's name"},
	{OPT_CODE, 'e', "eval", "CODE", "code in place of files"},
	{OPT_ENTRYPOINT, 0, "entrypoint", "NAME", "the first FILE"},
	{OPT_INPUT, 0, "input", "JSON|@FILE", "input of the handler"},
	{OPT_STDIN, 0, "stdin", "TEXT|@FILE|-", "standard input"},
	{OPT_ARG, 'a', "arg", "TEXT", "one argument; may be repeated"},
	{OPT_ENV, 0, "env", "NAME=VALUE", "may be repeated"},
	{OPT_LIMIT, 'l', "limit", "NAME=NUMBER",
		"wall_ms cpu_ms memory_mib ...; may be repeated"},
	{OPT_LABEL, 0, "label", "NAME=VALUE", "may be repeated"},
	{OPT_NETWORK, 0, "network", "POLICY", "none"},
	{OPT_PRIORITY, 0, "priority", "NUMBER", "higher goes first; 0"},
	{OPT_ASYNC, 0, "async", NULL, "do not wait; print the ID"},
	{OPT_QUIET, 'q', "quiet", NULL, "no line about how it went"},
	{0, 0, NULL, NULL, NULL},
};

struct run {
	struct spec spec;
	struct spec_item *items;
	bool async;
	bool quiet;
};

static void
add_item(struct run *r, enum spec_kind kind, const char *text)
{
	r->items[r->spec.count++] = (struct spec_item){kind, text};
}

static void
take_option(struct run *r, int id, const char *value)
{
	switch (id) {
	case OPT_ISOLATION:
		r->spec.isolation = value;
		break;
	case OPT_RUNTIME:
		r->spec.runtime = value;
		break;
	case OPT_CODE:
		r->spec.code = value;
		break;
	case OPT_ENTRYPOINT:
		r->spec.entrypoint = value;
		break;
	case OPT_INPUT:
		r->spec.input = value;
		break;
	case OPT_STDIN:
		r->spec.stdin_from = value;
		break;
	case OPT_NETWORK:
		r->spec.network = value;
		break;
	case OPT_PRIORITY:
		r->spec.priority = value;
		break;
	case OPT_ASYNC:
		r->async = true;
		break;
	case OPT_QUIET:
		r->quiet = true;
		break;
	case OPT_ENV:
		add_item(r, SPEC_ENV, value);
		break;
	case OPT_LIMIT:
		add_item(r, SPEC_LIMIT, value);
		break;
	case OPT_LABEL:
		add_item(r, SPEC_LABEL, value);
		break;
	case OPT_OPERAND:
		add_item(r, SPEC_FILE, value);
		break;
	case OPT_ARG:
	case OPT_REST:
		add_item(r, SPEC_ARG, value);
		break;
	}
}

/* The interrupts that cancel, as a descriptor; -1 with the error. */
static int
hold_signals(sigset_t *ret_set, struct verr *e)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, ret_set, NULL) == -1)
		return verr_set(e, VERR_HOST, errno, "sigprocmask");
	int fd = signalfd(-1, ret_set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "signalfd");
	return fd;
}

/* The first interrupt cancels; the next ends this program as usual. */
static int
cancel(struct cli *c, const char *id, int signals, const sigset_t *set,
	struct verr *e)
{
	struct signalfd_siginfo info;
	(void)!read(signals, &info, sizeof(info));
	sigprocmask(SIG_UNBLOCK, set, NULL);
	http_cancel_by(c->http, -1);
	cli_say("cancelling; once more leaves it running");
	struct buf v_autobuf path = BUF(256);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	long status;
	if (cli_path(&path, id, "", e) == -1)
		return -1;
	/* 409: it was over before; the record is read next in any case. */
	return http_send(c->http,
		       &(struct http_request){.method = "DELETE",
			       .path = path.data,
			       .timeout_ms = WAIT_TIMEOUT_MS},
		       &status, &answer, e) == -1
		? -1
		: 0;
}

/* 1: ask again after a pause; 0: this answer is final. */
static bool
is_passing(long status)
{
	return status == 429 || status == 502 || status == 503 || status == 504;
}

/* One question for the record: 1 settled, 0 not yet, -1; 2 interrupted. */
static int
ask(struct cli *c, const char *path, int64_t *heard_ns, struct buf *answer,
	cJSON **ret, struct verr *e)
{
	long status = 0;
	int r = http_send(c->http,
		&(struct http_request){
			.path = path, .timeout_ms = WAIT_TIMEOUT_MS},
		&status, answer, e);
	if (r == 0)
		return 2;
	bool silent = r == -1 || is_passing(status);
	if (silent && vtime_mono_ns() - *heard_ns < SILENCE_NS)
		return 0;
	if (r == -1)
		return -1;
	if (status != 200) {
		cli_refused(c, status, answer);
		return verr_set(e, VERR_HOST, 0,
			"the workload is accepted; its record cannot be read");
	}
	*heard_ns = vtime_mono_ns();
	cJSON v_autocjson *record = outcome_parse(buf_text(answer));
	if (record == NULL)
		return verr_set(e, VERR_PROTO, 0, "the record is not JSON");
	if (!outcome_settled(record))
		return 0;
	*ret = record;
	record = NULL;
	return 1;
}

/* Waits until the record is settled and gives it, the caller's to delete. */
static int
await(struct cli *c, const char *id, int signals, const sigset_t *set,
	struct buf *answer, cJSON **ret, struct verr *e)
{
	struct buf v_autobuf path = BUF(256);
	if (cli_path(&path, id, WAIT_TAIL, e) == -1)
		return -1;
	http_cancel_by(c->http, signals);
	int64_t heard_ns = vtime_mono_ns();
	int pause_ms = PAUSE_MS_FIRST;
	for (;;) {
		int64_t asked_ns = vtime_mono_ns();
		int r = ask(c, path.data, &heard_ns, answer, ret, e);
		if (r == 1 || r == -1)
			return r == 1 ? 0 : -1;
		if (r == 2) {
			if (cancel(c, id, signals, set, e) == -1)
				return -1;
			signals = -1;
			continue;
		}
		/* An answer at once: no place among those who wait. */
		if (vtime_mono_ns() - asked_ns > 500 * VTIME_NS_PER_MS) {
			pause_ms = PAUSE_MS_FIRST;
			continue;
		}
		struct pollfd p = {.fd = signals, .events = POLLIN};
		poll(&p, 1, pause_ms);
		pause_ms = pause_ms * 2 > PAUSE_MS_MAX ? PAUSE_MS_MAX
						       : pause_ms * 2;
	}
}

static int
pass_stream(struct cli *c, const cJSON *record, const char *stream, int to,
	struct buf *bytes, struct verr *e)
{
	int r = outcome_stream(record, stream, bytes, e);
	if (r == 0) {
		struct buf v_autobuf path = BUF(256);
		char tail[16];
		snprintf(tail, sizeof(tail), "/%s", stream);
		if (cli_path(&path, outcome_text(record, "id"), tail, e) == -1)
			return -1;
		r = cli_call(c, &(struct http_request){.path = path.data},
			bytes, NULL, e);
		if (r == 0)
			return verr_set(e, VERR_HOST, 0, "%s is lost", stream);
	}
	if (r == -1)
		return -1;
	if (fd_write_all(to, buf_text(bytes), bytes->len, e) == -1)
		return verr_wrap(e, "%s", stream);
	return 0;
}

/* The handler's result, on a line of its own behind what was written. */
static int
pass_output(const cJSON *record, const struct buf *before, struct verr *e)
{
	const cJSON *output =
		cJSON_GetObjectItemCaseSensitive(record, "output");
	if (output == NULL || cJSON_IsNull(output))
		return 0;
	char *text = cJSON_PrintUnformatted(output);
	if (text == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "output");
	struct buf v_autobuf line = BUF(HTTP_BODY_BYTES);
	bool open = before->len > 0 && before->data[before->len - 1] != '\n';
	int r = buf_addf(&line, e, "%s%s\n", open ? "\n" : "", text);
	free(text);
	return r == -1 ? -1 : cli_out(&line, e);
}

/* Stack or compiler messages, unless the program's stderr has them. */
static int
pass_detail(const cJSON *record, const struct buf *stderr_bytes, struct verr *e)
{
	const char *detail = outcome_text(record, "error_detail");
	struct buf v_autobuf text = BUF(HTTP_BODY_BYTES);
	if (detail[0] == '\0' || strstr(buf_text(stderr_bytes), detail) != NULL)
		return 0;
	if (term_escape_text(detail, strlen(detail), &text, e) == -1)
		return -1;
	fprintf(stderr, "%s%s", buf_text(&text),
		text.data[text.len - 1] == '\n' ? "" : "\n");
	return 0;
}

static int
show(struct cli *c, const struct run *r, const cJSON *record,
	struct buf *answer, struct verr *e)
{
	if (c->json)
		return cli_json(answer, e);
	struct buf v_autobuf out = BUF(HTTP_BODY_BYTES);
	struct buf v_autobuf err = BUF(HTTP_BODY_BYTES);
	struct buf v_autobuf line = BUF(65536);
	if (pass_stream(c, record, "stdout", STDOUT_FILENO, &out, e) == -1 ||
		pass_output(record, &out, e) == -1 ||
		pass_stream(c, record, "stderr", STDERR_FILENO, &err, e) == -1)
		return -1;
	if (r->quiet)
		return 0;
	if (pass_detail(record, &err, e) == -1 ||
		outcome_line(record, &line, e) == -1)
		return -1;
	cli_say(buf_text(&line));
	return 0;
}

static int
submitted(struct cli *c, const struct run *r, struct buf *answer,
	const cJSON *record, struct verr *e)
{
	const char *id = outcome_text(record, "id");
	if (r->async) {
		if (c->json)
			return cli_json(answer, e);
		printf("%s\n", id);
		return 0;
	}
	sigset_t set;
	int v_autoclose signals = hold_signals(&set, e);
	if (signals == -1)
		return -1;
	cJSON v_autocjson *settled = NULL;
	if (await(c, id, signals, &set, answer, &settled, e) == -1)
		return verr_wrap(e, "%s", id);
	if (show(c, r, settled, answer, e) == -1)
		return -1;
	return outcome_exit_status(settled);
}

static int
submit(struct cli *c, const struct run *r)
{
	struct verr e;
	struct buf v_autobuf body = BUF(SPEC_BODY_BYTES);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	cJSON v_autocjson *record = NULL;
	if (spec_body(&r->spec, &body, &e) == -1)
		return cli_misused(c, &e);
	if (cli_connect(c, &e) == -1)
		return cli_fail(c, &e);
	int sent = cli_call(c,
		&(struct http_request){.method = "POST",
			.path = "/v1/workloads/async",
			.body = &body},
		&answer, &record, &e);
	if (sent == 0)
		return c->command->failed;
	int status = sent == -1 ? -1 : submitted(c, r, &answer, record, &e);
	return status == -1 ? cli_fail(c, &e) : status;
}

int
cli_run(struct cli *c, struct opt_iter *it)
{
	struct verr e;
	struct run r = {0};
	r.items = calloc((size_t)it->argc + 1, sizeof(*r.items));
	if (r.items == NULL) {
		verr_set(&e, VERR_HOST, errno, "arguments");
		return cli_fail(c, &e);
	}
	r.spec.items = r.items;
	int id, more;
	const char *value;
	while ((more = cli_next(c, it, &id, &value, &e)) == 1)
		take_option(&r, id, value);
	int status = 0;
	if (more == -1)
		status = cli_misused(c, &e);
	else if (!c->help)
		status = submit(c, &r);
	free(r.items);
	return status;
}
