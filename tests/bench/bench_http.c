/*
 * Load over HTTP: keeps some connections busy and prints every latency.
 *
 *	bench_http -p PORT [-c CONNECTIONS] [-n REQUESTS | -s SECONDS]
 *	           [-m METHOD] [-H HEADER]... [-b BODY] [-t TIMEOUT_MS] PATH
 *
 * Prints lines "key value": seconds, errors, timeouts, "status-<code>" with
 * how often it came, and one "ns" for every answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "http.h"
#include "num.h"
#include "poison.h"
#include "vtime.h"

#define CONNECTIONS_MAX 4096

struct load {
	uint64_t port, connections, requests, seconds, timeout_ms;
	struct buf request;
	int epoll;
	int64_t end_ns; /* no request starts after it */
	uint64_t started, errors, timeouts;
	uint64_t status[600];
	int64_t *took_ns;
	size_t took_count, took_room;
};

struct connection {
	int fd;
	bool busy;
	bool used; /* carried an answer already */
	int64_t sent_ns;
	struct http answer;
};

static void
nothing(void *arg, const char *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
}

static int
dial(struct load *l, struct connection *c, struct verr *e)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	fd_close(&c->fd);
	c->used = false;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return verr_set(e, VERR_HOST, errno, "socket");
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		return verr_set(e, VERR_HOST, errno, "connect");
	int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		return verr_set(e, VERR_HOST, errno, "epoll");
	return 0;
}

static int
transmit(struct load *l, struct connection *c, struct verr *e)
{
	if (c->fd == -1 && dial(l, c, e) == -1)
		return -1;
	memset(&c->answer, 0, sizeof(c->answer));
	return fd_write_all(c->fd, l->request.data, l->request.len, e);
}

/* The next request of a connection, when there is one to make. */
static int
start(struct load *l, struct connection *c, struct verr *e)
{
	c->busy = false;
	if (l->requests != 0 && l->started == l->requests)
		return 0;
	if (l->end_ns != 0 && vtime_mono_ns() >= l->end_ns)
		return 0;
	l->started++;
	c->busy = true;
	c->sent_ns = vtime_mono_ns();
	return transmit(l, c, e);
}

static int
record(struct load *l, struct connection *c, struct verr *e)
{
	if (l->took_count == l->took_room) {
		size_t room = l->took_room == 0 ? 4096 : 2 * l->took_room;
		int64_t *more = realloc(l->took_ns, room * sizeof(*more));
		if (more == NULL)
			return verr_set(e, VERR_HOST, errno, "memory");
		l->took_ns = more;
		l->took_room = room;
	}
	l->took_ns[l->took_count++] = vtime_mono_ns() - c->sent_ns;
	if (c->answer.status > 0 && c->answer.status < 600)
		l->status[c->answer.status]++;
	return 0;
}

/* The connection ended: a kept one may have, before it took the request. */
static int
ended(struct load *l, struct connection *c, struct verr *e)
{
	bool whole = c->answer.state == HTTP_CLOSE;
	bool again = c->used && c->answer.state == HTTP_STATUS;
	fd_close(&c->fd);
	if (!c->busy)
		return 0;
	if (again)
		return transmit(l, c, e);
	if (!whole)
		l->errors++;
	else if (record(l, c, e) == -1)
		return -1;
	return start(l, c, e);
}

static int
readable(struct load *l, struct connection *c, struct verr *e)
{
	char bytes[65536];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);
	if (n <= 0)
		return ended(l, c, e);
	http_take(&c->answer, bytes, (size_t)n, nothing, NULL);
	if (c->answer.state != HTTP_DONE)
		return 0;
	if (record(l, c, e) == -1)
		return -1;
	c->used = true;
	if (c->answer.closes)
		fd_close(&c->fd);
	return start(l, c, e);
}

static int
expire(struct load *l, struct connection *all, uint64_t *ret_busy,
	struct verr *e)
{
	int64_t limit = (int64_t)l->timeout_ms * VTIME_NS_PER_MS;
	*ret_busy = 0;
	for (uint64_t i = 0; i < l->connections; i++) {
		struct connection *c = &all[i];
		if (c->busy && vtime_mono_ns() - c->sent_ns > limit) {
			l->timeouts++;
			fd_close(&c->fd);
			if (start(l, c, e) == -1)
				return -1;
		}
		*ret_busy += c->busy;
	}
	return 0;
}

static int
serve(struct load *l, struct verr *e)
{
	static struct connection all[CONNECTIONS_MAX];
	for (uint64_t i = 0; i < l->connections; i++) {
		all[i].fd = -1;
		if (start(l, &all[i], e) == -1)
			return -1;
	}
	int64_t next_look = 0;
	for (uint64_t busy = 1; busy > 0;) {
		struct epoll_event ev[64];
		int n = epoll_wait(l->epoll, ev, 64, 20);
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "epoll");
		for (int i = 0; i < n; i++)
			if (readable(l, ev[i].data.ptr, e) == -1)
				return -1;
		if (vtime_mono_ns() < next_look)
			continue;
		next_look = vtime_mono_ns() + 20 * VTIME_NS_PER_MS;
		if (expire(l, all, &busy, e) == -1)
			return -1;
	}
	return 0;
}

static int
compose(struct load *l, const char *method, const char *path,
	const struct buf *headers, const char *body, struct verr *e)
{
	buf_init(&l->request, 16 << 20);
	if (buf_addf(&l->request, e,
		    "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%" PRIu64 "\r\n%s",
		    method, path, l->port, buf_text(headers)) == -1)
		return -1;
	if (body != NULL)
		return buf_addf(&l->request, e, "Content-Length: %zu\r\n\r\n%s",
			strlen(body), body);
	return buf_adds(&l->request, "\r\n", e);
}

static int
options(struct load *l, int argc, char **argv, struct verr *e)
{
	struct buf v_autobuf headers = BUF(65536);
	const char *method = "GET", *body = NULL;
	l->connections = 1;
	l->timeout_ms = 10000;
	for (int o; (o = getopt(argc, argv, "p:c:n:s:m:H:b:t:")) != -1;) {
		int r = 0;
		if (o == 'p')
			r = num_u64s(optarg, 1, 65535, "-p", &l->port, e);
		else if (o == 'c')
			r = num_u64s(optarg, 1, CONNECTIONS_MAX, "-c",
				&l->connections, e);
		else if (o == 'n')
			r = num_u64s(
				optarg, 1, 100000000, "-n", &l->requests, e);
		else if (o == 's')
			r = num_u64s(optarg, 1, 3600, "-s", &l->seconds, e);
		else if (o == 't')
			r = num_u64s(
				optarg, 1, 600000, "-t", &l->timeout_ms, e);
		else if (o == 'm')
			method = optarg;
		else if (o == 'H')
			r = buf_addf(&headers, e, "%s\r\n", optarg);
		else if (o == 'b')
			body = optarg;
		else
			r = verr_set(e, VERR_INPUT, 0, "unknown option");
		if (r == -1)
			return -1;
	}
	if (l->port == 0 || argc - optind != 1 ||
		(l->requests == 0) == (l->seconds == 0))
		return verr_set(e, VERR_INPUT, 0,
			"needs -p, one of -n and -s, and a path");
	return compose(l, method, argv[optind], &headers, body, e);
}

int
main(int argc, char **argv)
{
	static struct load l;
	struct verr e;
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (options(&l, argc, argv, &e) == -1) {
		fprintf(stderr, "bench_http: %s\n", e.msg);
		return 2;
	}
	int64_t begun = vtime_mono_ns();
	if (l.seconds != 0)
		l.end_ns = begun + (int64_t)l.seconds * 1000 * VTIME_NS_PER_MS;
	if (serve(&l, &e) == -1) {
		fprintf(stderr, "bench_http: %s\n", e.msg);
		return 1;
	}
	printf("seconds %.6f\nerrors %" PRIu64 "\ntimeouts %" PRIu64 "\n",
		(double)(vtime_mono_ns() - begun) / 1e9, l.errors, l.timeouts);
	for (int i = 0; i < 600; i++)
		if (l.status[i] != 0)
			printf("status-%d %" PRIu64 "\n", i, l.status[i]);
	for (size_t i = 0; i < l.took_count; i++)
		printf("ns %" PRId64 "\n", l.took_ns[i]);
	free(l.took_ns);
	buf_done(&l.request);
	return 0;
}
