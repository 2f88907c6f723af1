/*
 * Many watchers of one live log over HTTP.
 *
 *	bench_watch -p PORT [-c WATCHERS] -l LINES [-t SECONDS] [-H HEADER]...
 *	            [-u SOCKET] PATH
 *
 * The program that is watched writes lines "<number> <wall ms>", numbered from
 * 0. Says "connected" on standard error once every watcher has the head of
 * its answer. Prints lines "key value": watchers, refused, complete (those
 * that saw each line once, in order, and the end), lines, doubled, and one
 * "ns" for each line of each watcher: arrival by the wall clock less the time
 * in the line. -u connects to a Unix socket instead of the port.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "http.h"
#include "num.h"
#include "poison.h"
#include "vtime.h"

#define WATCHERS_MAX 8192

struct crowd;

struct watcher {
	struct crowd *crowd;
	int fd;
	struct http answer;
	bool counted; /* its head has come */
	bool done; /* saw the end of the log */
	bool wrong; /* saw a line out of order */
	uint64_t next; /* number of the next line */
	uint64_t seq; /* of the last chunk */
	struct buf event; /* one line of the event stream */
	struct buf data; /* the data of the event under way */
	char kind[16];
	struct buf text; /* one line of the log */
};

struct crowd {
	uint64_t port, watchers, lines, seconds;
	const char *socket;
	struct buf request;
	int epoll;
	uint64_t heads, refused, open, doubled;
	int64_t *late_ns;
	size_t late_count, late_room;
};

static int64_t
wall_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
arrived(struct watcher *w)
{
	struct crowd *c = w->crowd;
	char *end;
	uint64_t number = strtoul(buf_text(&w->text), &end, 10);
	int64_t stamp = strtol(end, NULL, 10) * VTIME_NS_PER_MS;
	if (number != w->next)
		w->wrong = true;
	w->next = number + 1;
	if (c->late_count < c->late_room)
		c->late_ns[c->late_count++] = wall_ns() - stamp;
}

/* The log's text in one event's JSON; its lines hold digits and blanks. */
static void
take_text(struct watcher *w, const char *p)
{
	struct verr e;
	for (; *p != '\0' && *p != '"'; p++) {
		if (p[0] == '\\' && p[1] == 'n') {
			arrived(w);
			buf_reset(&w->text);
			p++;
		} else if (buf_addc(&w->text, *p, &e) == -1) {
			w->wrong = true;
		}
	}
}

static void
dispatch(struct watcher *w)
{
	const char *data = buf_text(&w->data);
	const char *seq = strstr(data, "\"seq\":");
	const char *text = strstr(data, "\"text\":\"");
	if (strcmp(w->kind, "done") == 0)
		w->done = true;
	if (strcmp(w->kind, "log") == 0 && seq != NULL && text != NULL) {
		uint64_t number = strtoul(seq + 6, NULL, 10);
		if (number > w->seq)
			take_text(w, text + 8);
		else
			w->crowd->doubled++;
		if (number > w->seq)
			w->seq = number;
	}
	buf_reset(&w->data);
	w->kind[0] = '\0';
}

/* One line of the event stream (HTML standard, 9.2). */
static void
event_line(struct watcher *w)
{
	struct verr e;
	const char *l = buf_text(&w->event);
	if (w->event.len == 0)
		dispatch(w);
	else if (strncmp(l, "event: ", 7) == 0)
		snprintf(w->kind, sizeof(w->kind), "%s", l + 7);
	else if (strncmp(l, "data: ", 6) == 0 &&
		buf_adds(&w->data, l + 6, &e) == -1)
		w->wrong = true;
	buf_reset(&w->event);
}

static void
body(void *arg, const char *p, size_t n)
{
	struct watcher *w = arg;
	struct verr e;
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t len = end != NULL ? (size_t)(end - p) : n;
		if (buf_add(&w->event, p, len, &e) == -1)
			w->wrong = true;
		if (end == NULL)
			return;
		event_line(w);
		p = end + 1;
		n -= len + 1;
	}
}

static int
dial(struct crowd *c, struct verr *e)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)c->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct sockaddr *to = (struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	if (c->socket != NULL) {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", c->socket);
		to = (struct sockaddr *)&un;
		len = sizeof(un);
	}
	int v_autoclose fd =
		socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, to, len) == -1)
		return verr_set(e, VERR_HOST, errno, "connect");
	if (fd_write_all(fd, c->request.data, c->request.len, e) == -1)
		return -1;
	return v_take_fd(&fd);
}

static int
join(struct crowd *c, struct watcher *w, struct verr *e)
{
	w->crowd = c;
	buf_init(&w->event, 1 << 20);
	buf_init(&w->data, 1 << 20);
	buf_init(&w->text, 256);
	w->fd = dial(c, e);
	if (w->fd == -1)
		return -1;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = w};
	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, w->fd, &ev) == -1)
		return verr_set(e, VERR_HOST, errno, "epoll");
	c->open++;
	return 0;
}

static void
leave(struct crowd *c, struct watcher *w)
{
	fd_close(&w->fd);
	c->open--;
	if (!w->counted)
		c->refused++;
}

static void
readable(struct crowd *c, struct watcher *w)
{
	char bytes[65536];
	ssize_t n = recv(w->fd, bytes, sizeof(bytes), 0);
	if (n <= 0) {
		leave(c, w);
		return;
	}
	http_take(&w->answer, bytes, (size_t)n, body, w);
	if (!w->counted && w->answer.state > HTTP_HEAD) {
		if (w->answer.status != 200) {
			leave(c, w);
			return;
		}
		w->counted = true;
		if (++c->heads == c->watchers)
			fputs("connected\n", stderr);
	}
	if (w->done || w->answer.state == HTTP_DONE)
		leave(c, w);
}

static int
watch(struct crowd *c, struct watcher *all, struct verr *e)
{
	int64_t end =
		vtime_mono_ns() + (int64_t)c->seconds * 1000 * VTIME_NS_PER_MS;
	struct epoll_event ev[256];
	for (uint64_t i = 0; i < c->watchers; i++) {
		if (join(c, &all[i], e) == -1)
			return -1;
		int n = epoll_wait(c->epoll, ev, 256, 0);
		for (int k = 0; k < n; k++)
			readable(c, ev[k].data.ptr);
	}
	while (c->open > 0 && vtime_mono_ns() < end) {
		int n = epoll_wait(c->epoll, ev, 256, 100);
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "epoll");
		for (int k = 0; k < n; k++)
			readable(c, ev[k].data.ptr);
	}
	return 0;
}

static void
tell(const struct crowd *c, const struct watcher *all)
{
	uint64_t complete = 0, lines = 0;
	for (uint64_t i = 0; i < c->watchers; i++) {
		const struct watcher *w = &all[i];
		complete += w->done && !w->wrong && w->next == c->lines;
		lines += w->next;
	}
	printf("watchers %" PRIu64 "\nrefused %" PRIu64 "\ncomplete %" PRIu64
	       "\nlines %" PRIu64 "\ndoubled %" PRIu64 "\n",
		c->watchers, c->refused, complete, lines, c->doubled);
	for (size_t i = 0; i < c->late_count; i++)
		printf("ns %" PRId64 "\n", c->late_ns[i]);
}

static int
options(struct crowd *c, int argc, char **argv, struct verr *e)
{
	struct buf v_autobuf headers = BUF(65536);
	c->watchers = 1;
	c->seconds = 60;
	for (int o; (o = getopt(argc, argv, "p:c:l:t:H:u:")) != -1;) {
		int r = 0;
		if (o == 'p')
			r = num_u64s(optarg, 1, 65535, "-p", &c->port, e);
		else if (o == 'c')
			r = num_u64s(
				optarg, 1, WATCHERS_MAX, "-c", &c->watchers, e);
		else if (o == 'l')
			r = num_u64s(optarg, 1, 1000000, "-l", &c->lines, e);
		else if (o == 't')
			r = num_u64s(optarg, 1, 3600, "-t", &c->seconds, e);
		else if (o == 'H')
			r = buf_addf(&headers, e, "%s\r\n", optarg);
		else if (o == 'u')
			c->socket = optarg;
		else
			r = verr_set(e, VERR_INPUT, 0, "unknown option");
		if (r == -1)
			return -1;
	}
	if ((c->port == 0 && c->socket == NULL) || c->lines == 0 ||
		argc - optind != 1)
		return verr_set(
			e, VERR_INPUT, 0, "needs -p or -u, -l and a path");
	buf_init(&c->request, 65536);
	return buf_addf(&c->request, e,
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%" PRIu64 "\r\n"
		"Accept: text/event-stream\r\n%s\r\n",
		argv[optind], c->port, buf_text(&headers));
}

static int
prepare(struct crowd *c, struct verr *e)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	c->late_room = c->watchers * c->lines;
	c->late_ns = calloc(c->late_room, sizeof(*c->late_ns));
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->late_ns == NULL || c->epoll == -1)
		return verr_set(e, VERR_HOST, errno, "preparing");
	return 0;
}

int
main(int argc, char **argv)
{
	static struct crowd c;
	static struct watcher all[WATCHERS_MAX];
	struct verr e;
	if (options(&c, argc, argv, &e) == -1 || prepare(&c, &e) == -1 ||
		watch(&c, all, &e) == -1) {
		fprintf(stderr, "bench_watch: %s\n", e.msg);
		return 1;
	}
	tell(&c, all);
	for (uint64_t i = 0; i < c.watchers; i++) {
		buf_done(&all[i].event);
		buf_done(&all[i].data);
		buf_done(&all[i].text);
	}
	buf_done(&c.request);
	free(c.late_ns);
	return 0;
}
