/* Live events to nchan over nginx's socket. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "num.h"
#include "poison.h"
#include "publish.h"
#include "vtime.h"

#define WAIT_MS 50
#define WAIT_MAX_MS 2000

int
publish_init(struct publish *p, const char *run_folder, int epoll,
	unsigned watch, struct verr *e)
{
	*p = (struct publish){.epoll = epoll, .watch = watch, .fd = -1};
	buf_init(&p->out, PUBLISH_BYTES);
	p->address.sun_family = AF_UNIX;
	int n = snprintf(p->address.sun_path, sizeof(p->address.sun_path),
		"%s/publish.sock", run_folder);
	if (n < 0 || (size_t)n >= sizeof(p->address.sun_path))
		return verr_set(e, VERR_INPUT, 0,
			"'run = %s' is too long for a socket's path",
			run_folder);
	p->lens = calloc(PUBLISH_EVENTS, sizeof(*p->lens));
	if (p->lens == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "publisher");
	return 0;
}

void
publish_done(struct publish *p)
{
	fd_close(&p->fd);
	buf_done(&p->out);
	free(p->lens);
	p->lens = NULL;
}

static void
compact(struct publish *p)
{
	if (p->done == 0)
		return;
	buf_drop(&p->out, p->done);
	p->sent -= p->done;
	p->done = 0;
}

static void
add_request(struct publish *p, const char *head, size_t head_len,
	const struct buf *body)
{
	struct verr e;
	size_t body_len = body != NULL ? body->len : 0;
	if (p->lens_count == PUBLISH_EVENTS) {
		p->drops++;
		return;
	}
	if (p->out.len + head_len + body_len > PUBLISH_BYTES / 2)
		compact(p);
	if (buf_reserve(&p->out, head_len + body_len, &e) == -1) {
		p->drops++;
		return;
	}
	/* There is room now, so that both parts go in or none. */
	if (buf_add(&p->out, head, head_len, &e) == -1 ||
		(body_len > 0 &&
			buf_add(&p->out, body->data, body_len, &e) == -1))
		return;
	p->lens[(p->lens_first + p->lens_count++) % PUBLISH_EVENTS] =
		(uint32_t)(head_len + body_len);
	p->events++;
}

void
publish_event(struct publish *p, const char *id, const char *event,
	const struct buf *body)
{
	char head[320];
	int n = snprintf(head, sizeof(head),
		"POST /publish/%s HTTP/1.1\r\nHost: vulcan\r\n"
		"X-EventSource-Event: %s\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n",
		id, event, body->len);
	assert(n > 0 && (size_t)n < sizeof(head));
	add_request(p, head, (size_t)n, body);
}

void
publish_delete(struct publish *p, const char *id)
{
	char head[160];
	int n = snprintf(head, sizeof(head),
		"DELETE /publish/%s HTTP/1.1\r\nHost: vulcan\r\n\r\n", id);
	assert(n > 0 && (size_t)n < sizeof(head));
	add_request(p, head, (size_t)n, NULL);
}

static void
lose(struct publish *p, int64_t now_ns)
{
	fd_close(&p->fd);
	p->wants_out = false;
	p->in = (struct answers){.at = ANSWER_LINE};
	compact(p);
	p->sent = 0;
	p->wait_ms = p->wait_ms == 0 ? WAIT_MS : p->wait_ms * 2;
	if (p->wait_ms > WAIT_MAX_MS)
		p->wait_ms = WAIT_MAX_MS;
	p->retry_ns = now_ns + p->wait_ms * VTIME_NS_PER_MS;
}

static bool
join(struct publish *p, int64_t now_ns)
{
	if (p->fd != -1)
		return true;
	if (now_ns < p->retry_ns)
		return false;
	int v_autoclose fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = p->watch};
	if (fd == -1 ||
		connect(fd, (const struct sockaddr *)&p->address,
			sizeof(p->address)) == -1 ||
		epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) == -1) {
		lose(p, now_ns);
		return false;
	}
	p->fd = v_take_fd(&fd);
	return true;
}

static void
watch_out(struct publish *p, bool on)
{
	if (on == p->wants_out)
		return;
	struct epoll_event ev = {
		.events = EPOLLIN | (on ? (unsigned)EPOLLOUT : 0u),
		.data.u32 = p->watch};
	p->wants_out = on;
	epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->fd, &ev);
}

static bool
send_some(struct publish *p)
{
	while (p->sent < p->out.len) {
		ssize_t n = send(p->fd, p->out.data + p->sent,
			p->out.len - p->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN;
		p->sent += (size_t)n;
	}
	return true;
}

static void
answered(struct publish *p, uint64_t before)
{
	for (uint64_t i = before; i < p->in.count && p->lens_count > 0; i++) {
		p->done += p->lens[p->lens_first];
		p->lens_first = (p->lens_first + 1) % PUBLISH_EVENTS;
		p->lens_count--;
		p->wait_ms = 0;
	}
	if (p->lens_count == 0 && p->out.len > 0) {
		buf_reset(&p->out);
		p->done = p->sent = 0;
	}
}

static bool
receive_some(struct publish *p)
{
	for (;;) {
		struct verr e;
		char piece[16384];
		ssize_t n = recv(p->fd, piece, sizeof(piece), 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN;
		uint64_t before = p->in.count;
		if (n == 0 || answers_take(&p->in, piece, (size_t)n, &e) == -1)
			return false;
		answered(p, before);
	}
}

void
publish_serve(struct publish *p, int64_t now_ns)
{
	if (p->fd == -1 && p->lens_count == 0)
		return;
	if (!join(p, now_ns))
		return;
	if (!send_some(p) || !receive_some(p)) {
		/* An idle connection that nginx closes is no trouble. */
		bool idle = p->lens_count == 0;
		lose(p, now_ns);
		if (idle)
			p->retry_ns = p->wait_ms = 0;
		return;
	}
	watch_out(p, p->sent < p->out.len);
}

int64_t
publish_due(const struct publish *p)
{
	return p->fd == -1 && p->lens_count > 0 ? p->retry_ns : 0;
}

/* ---- answers ---- */

static int
bad(struct verr *e, const char *what)
{
	return verr_set(
		e, VERR_PROTO, 0, "nginx's publisher answered %s", what);
}

static void
whole(struct answers *a)
{
	a->count++;
	if ((a->code < 200 || a->code > 299) && a->code != 404)
		a->refused++;
	a->at = ANSWER_LINE;
}

static int
on_status(struct answers *a, struct verr *e)
{
	uint64_t code;
	if (a->line_len < 12 || strncmp(a->line, "HTTP/1.", 7) != 0 ||
		num_u64(a->line + 9, 3, 100, 999, "status", &code, e) == -1)
		return bad(e, "something that is not HTTP");
	a->code = (unsigned)code;
	a->chunked = false;
	a->no_body = code < 200 || code == 204 || code == 304;
	a->body = 0;
	a->at = ANSWER_HEADER;
	return 0;
}

static int
on_header(struct answers *a, struct verr *e)
{
	if (a->line_len == 0) {
		if (a->code < 200)
			a->at = ANSWER_LINE;
		else if (a->chunked && !a->no_body)
			a->at = ANSWER_SIZE;
		else if (a->body > 0 && !a->no_body)
			a->at = ANSWER_BODY;
		else
			whole(a);
		return 0;
	}
	if (strncasecmp(a->line, "content-length:", 15) == 0) {
		uint64_t n;
		size_t skip = 15 + strspn(a->line + 15, " ");
		if (num_u64s(a->line + skip, 0, 1 << 20, "length", &n, e) == -1)
			return bad(e, "with a wrong Content-Length");
		a->body = (size_t)n;
	}
	if (strncasecmp(a->line, "transfer-encoding:", 18) == 0)
		a->chunked = true;
	return 0;
}

static int
on_size(struct answers *a, struct verr *e)
{
	size_t n = 0;
	for (size_t i = 0; i < a->line_len && a->line[i] != ';'; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *d = strchr(hex, a->line[i] | 0x20);
		if (d == NULL || i > 5)
			return bad(e, "with a wrong chunk size");
		n = n * 16 + (size_t)(d - hex);
	}
	a->body = n;
	a->at = n == 0 ? ANSWER_TRAILER : ANSWER_CHUNK;
	return 0;
}

static int
on_line(struct answers *a, struct verr *e)
{
	switch (a->at) {
	case ANSWER_LINE:
		return on_status(a, e);
	case ANSWER_HEADER:
		return on_header(a, e);
	case ANSWER_SIZE:
		return on_size(a, e);
	case ANSWER_CHUNK_END:
		a->at = ANSWER_SIZE;
		return 0;
	case ANSWER_TRAILER:
		if (a->line_len == 0)
			whole(a);
		return 0;
	case ANSWER_BODY:
	case ANSWER_CHUNK:
		break;
	}
	return 0;
}

static size_t
skip_body(struct answers *a, size_t n)
{
	size_t part = n < a->body ? n : a->body;
	a->body -= part;
	if (a->body > 0)
		return part;
	if (a->at == ANSWER_CHUNK)
		a->at = ANSWER_CHUNK_END;
	else
		whole(a);
	return part;
}

int
answers_take(struct answers *a, const void *data, size_t n, struct verr *e)
{
	const char *p = data;
	for (size_t i = 0; i < n;) {
		if (a->at == ANSWER_BODY || a->at == ANSWER_CHUNK) {
			i += skip_body(a, n - i);
			continue;
		}
		char c = p[i++];
		if (c == '\r')
			continue;
		if (c != '\n') {
			/* No line that matters is longer. */
			if (a->line_len < sizeof(a->line) - 1)
				a->line[a->line_len++] = c;
			continue;
		}
		a->line[a->line_len] = '\0';
		if (on_line(a, e) == -1)
			return -1;
		a->line_len = 0;
	}
	return 0;
}
