/*
 * vulcan logs: what a workload wrote, from the database and live.
 *
 * Lines have numbers without gaps. A live stream is joined by them: what was
 * seen is skipped, and what a stream left out is asked of the history.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "events.h"
#include "fd.h"
#include "outcome.h"
#include "poison.h"
#include "term.h"
#include "vtime.h"

#define PAGE_LINES "1000"
/* A quiet stream is opened anew after this: it may have been forgotten. */
#define STREAM_MS 30000
#define DROPS_MAX 10 /* streams in a row that ended within a second */
#define PAUSE_MS_MAX 5000

enum { OPT_FOLLOW = 1 };

const struct opt cli_logs_options[] = {
	{OPT_FOLLOW, 'f', "follow", NULL, "go on until the workload is over"},
	{0, 0, NULL, NULL, NULL},
};

struct follower {
	struct cli *cli;
	const char *id;
	struct http *side; /* for history while a stream is open */
	struct events events;
	long long seen; /* number of the last line printed */
	bool done;
};

static int
print_text(int fd, const char *text, struct verr *e)
{
	struct buf v_autobuf escaped = BUF(HTTP_BODY_BYTES);
	if (!isatty(fd))
		return fd_write_all(fd, text, strlen(text), e);
	if (term_escape_text(text, strlen(text), &escaped, e) == -1)
		return -1;
	return fd_write_all(fd, buf_text(&escaped), escaped.len, e);
}

static int
print_json_line(const cJSON *line, struct verr *e)
{
	char *text = cJSON_PrintUnformatted(line);
	if (text == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "log line");
	struct buf v_autobuf out = BUF(HTTP_BODY_BYTES);
	int r = buf_addf(&out, e, "%s\n", text);
	free(text);
	return r == -1 ? -1 : cli_out(&out, e);
}

static int
print_line(struct follower *f, const cJSON *line, struct verr *e)
{
	const char *stream = outcome_text(line, "stream");
	const char *text = outcome_text(line, "text");
	if (f->cli->json)
		return print_json_line(line, e);
	if (strcmp(stream, "stdout") == 0)
		return print_text(STDOUT_FILENO, text, e);
	if (strcmp(stream, "stderr") == 0)
		return print_text(STDERR_FILENO, text, e);
	cli_say(text);
	return 0;
}

static long long
line_number(const cJSON *line)
{
	const cJSON *seq = cJSON_GetObjectItemCaseSensitive(line, "seq");
	return cJSON_IsNumber(seq) ? (long long)seq->valuedouble : 0;
}

/* One page of history: 1 there is more, 0, -1. */
static int
page(struct follower *f, struct http *http, struct verr *e)
{
	char tail[64];
	struct buf v_autobuf path = BUF(256);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	cJSON v_autocjson *j = NULL;
	snprintf(tail, sizeof(tail),
		"/logs/history?after=%lld&limit=" PAGE_LINES, f->seen);
	if (cli_path(&path, f->id, tail, e) == -1)
		return -1;
	struct cli through = *f->cli;
	through.http = http;
	int r = cli_call(&through, &(struct http_request){.path = path.data},
		&answer, &j, e);
	if (r != 1)
		return r == -1 ? -1
			       : verr_set(e, VERR_HOST, 0, "no log is given");
	const cJSON *line;
	cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(j, "lines"))
	{
		if (line_number(line) <= f->seen)
			continue;
		f->seen = line_number(line);
		if (print_line(f, line, e) == -1)
			return -1;
	}
	return cJSON_IsNumber(
		cJSON_GetObjectItemCaseSensitive(j, "next_after"));
}

static int
history(struct follower *f, struct http *http, struct verr *e)
{
	int r;
	do
		r = page(f, http, e);
	while (r == 1);
	return r;
}

static int
on_log(struct follower *f, const char *data, struct verr *e)
{
	cJSON v_autocjson *line = outcome_parse(data);
	if (line == NULL)
		return verr_set(e, VERR_PROTO, 0, "a log line is not JSON");
	long long seq = line_number(line);
	if (seq > f->seen + 1 && history(f, f->side, e) == -1)
		return -1;
	if (seq <= f->seen)
		return 0;
	f->seen = seq;
	return print_line(f, line, e);
}

static int
on_event(struct follower *f, const struct event *v, struct verr *e)
{
	if (strcmp(v->name, "log") == 0)
		return on_log(f, v->data, e);
	if (strcmp(v->name, "done") != 0)
		return 0;
	f->done = true;
	return verr_set(e, VERR_HOST, 0, "the log is over");
}

static int
on_bytes(void *user, const char *p, size_t n, struct verr *e)
{
	struct follower *f = user;
	struct event v;
	int r;
	while ((r = events_feed(&f->events, &p, &n, &v, e)) == 1)
		if (on_event(f, &v, e) == -1)
			return -1;
	return r;
}

/* One connection: 1 done; 0 it broke, and e says how; -1 no use in more. */
static int
stream(struct follower *f, struct verr *e)
{
	char header[64];
	struct buf v_autobuf path = BUF(256);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	long status = 0;
	snprintf(header, sizeof(header), "Last-Event-ID: %lld", f->seen);
	if (cli_path(&path, f->id, "/logs", e) == -1)
		return -1;
	events_init(&f->events);
	int r = http_send(f->cli->http,
		&(struct http_request){.path = path.data,
			.header = f->seen > 0 ? header : NULL,
			.timeout_ms = STREAM_MS,
			.take = on_bytes,
			.user = f},
		&status, &answer, e);
	events_done(&f->events);
	if (f->done)
		return 1;
	if (r == -1)
		return e->kind == VERR_HOST ? 0 : -1;
	if (status == 200 || status >= 500) {
		verr_set(e, VERR_HOST, 0,
			"the live log ends at once (status %ld)", status);
		return 0;
	}
	cli_refused(f->cli, status, &answer);
	return verr_set(e, VERR_HOST, 0, "no log is given");
}

static void
pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

static int
follow(struct follower *f, struct verr *e)
{
	long wait_ms = 100;
	for (unsigned drops = 0; drops < DROPS_MAX;) {
		int64_t since = vtime_mono_ns();
		long long seen = f->seen;
		int r = stream(f, e);
		if (r == -1)
			return -1;
		/* What a stream dropped at its end is in the database. */
		if (r == 1)
			return history(f, f->cli->http, e);
		if (f->seen > seen ||
			vtime_mono_ns() - since > 1000 * VTIME_NS_PER_MS) {
			drops = 0;
			wait_ms = 100;
			continue;
		}
		drops++;
		pause_ms(wait_ms);
		wait_ms =
			wait_ms * 2 > PAUSE_MS_MAX ? PAUSE_MS_MAX : wait_ms * 2;
	}
	return -1;
}

static int
run(struct cli *c, const char *id, bool live, struct verr *e)
{
	struct follower f = {.cli = c, .id = id};
	if (cli_connect(c, e) == -1)
		return -1;
	if (!live)
		return history(&f, c->http, e);
	struct http v_autohttp *side = http_new(&c->to, e);
	if (side == NULL)
		return -1;
	f.side = side;
	return follow(&f, e);
}

int
cli_logs(struct cli *c, struct opt_iter *it)
{
	struct verr e;
	int id, more;
	bool live = false;
	const char *value, *word = NULL;
	while ((more = cli_next(c, it, &id, &value, &e)) == 1) {
		if (id == OPT_FOLLOW)
			live = true;
		else if (word == NULL)
			word = value;
		else
			more = verr_set(&e, VERR_INPUT, 0,
				"'%.60s' is one ID too many", value);
		if (more == -1)
			break;
	}
	if (c->help)
		return CLI_OK;
	if (more == 0 && word == NULL)
		more = verr_set(&e, VERR_INPUT, 0, "an ID is missing");
	if (more == -1)
		return cli_misused(c, &e);
	return run(c, word, live, &e) == -1 ? cli_fail(c, &e) : CLI_OK;
}
