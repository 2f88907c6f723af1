/*
 * Queue: claims workloads, gives them to keepers, keeps what comes back.
 *
 * User: vulcan-queue. May touch: the database (statements of its role), the
 * blobs, the cache of compiled programs, the doorbell, nginx's publisher. It
 * cannot start programs: what needs root it asks of the warden (proto.h).
 * Parses: datagrams of the web's user, frames of keepers (which may have been
 * taken over by a guest: a closed set, bounded, and they reach only their own
 * run), answers of nginx, messages of the warden (trusted).
 *
 * One thread, one turn after the other: take all events that are there; write
 * everything in one transaction, with the disk waited for only where a result
 * is in it; then say so: first to keepers that get new runs, then to viewers
 * and to those who wait. Nothing is said before it is in the database.
 *
 * A crash at any point loses nothing: see leases.c. If the warden ends, the
 * kernel ends this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "poison.h"
#include "proc.h"
#include "queue.h"
#include "roles.h"
#include "vtime.h"
#include "watch.h"

#define EVENTS 256
#define RINGS_PER_TURN 256

static int
watch(struct queue *q, int fd, unsigned what, struct verr *e)
{
	return watch_add(q->epoll, fd, what, e);
}

static int
open_events(struct queue *q, struct verr *e)
{
	if (watch_open(&q->epoll, &q->signals, e) == -1)
		return -1;
	if (fcntl(PROTO_FD, F_SETFD, FD_CLOEXEC) == -1)
		return verr_set(e, VERR_INPUT, errno,
			"the queue role is started by vulcan-runner itself");
	q->control = PROTO_FD;
	if (watch(q, q->signals, WATCH_SIGNALS, e) == -1)
		return -1;
	return watch(q, q->control, WATCH_CONTROL, e);
}

static int
put_node(struct queue *q, struct verr *e)
{
	struct sysinfo info;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	q->cpus = cpus > 0 ? (unsigned)cpus : 1;
	if (sysinfo(&info) == -1)
		return verr_set(e, VERR_HOST, errno, "sysinfo");
	struct db_node n = {.name = q->conf->node,
		.boot_id = q->boot_id,
		.version = VULCAN_VERSION,
		.cpus = q->cpus,
		.memory_mib =
			(int64_t)((uint64_t)info.totalram * info.mem_unit >>
				20)};
	return db_node_put(q->db, &n, true, e);
}

static int
open_all(struct queue *q, struct verr *e)
{
	char path[CONF_PATH_BYTES + 16];
	snprintf(path, sizeof(path), "%s/vulcan.db", q->conf->state);
	if (open_events(q, e) == -1 || proc_boot_id(q->boot_id, e) == -1 ||
		seats_init(q, e) == -1 || waiters_init(&q->waiters, e) == -1)
		return -1;
	q->farewells = calloc(FAREWELLS, sizeof(*q->farewells));
	if (q->farewells == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "queue");
	if (publish_init(&q->publish, q->conf->run, q->epoll, WATCH_PUBLISH,
		    e) == -1 ||
		db_open(path, DB_QUEUE, &q->db, e) == -1)
		return -1;
	bell_init(&q->bell, q->conf->run, (uid_t)q->conf->web_uid);
	if (bell_check(&q->bell, e) == -1 ||
		watch(q, q->bell.fd, WATCH_BELL, e) == -1)
		return -1;
	if (leases_recover(q, e) == -1 || put_node(q, e) == -1)
		return -1;
	struct proto_message ready = {.verb = PROTO_READY};
	return proto_send(q->control, &ready, -1, e);
}

static void
close_all(struct queue *q)
{
	seats_done(q);
	waiters_done(&q->waiters);
	publish_done(&q->publish);
	bell_done(&q->bell);
	db_close(q->db);
	free(q->farewells);
	fd_close(&q->signals);
	fd_close(&q->epoll);
	fd_close(&q->control);
}

static void
on_signal(struct queue *q)
{
	struct signalfd_siginfo info;
	while (read(q->signals, &info, sizeof(info)) == sizeof(info)) {
		log_info(q->draining ? "told again to stop: at once"
				     : "told to stop: no new runs");
		q->hurry = q->draining;
		q->draining = true;
	}
}

static void
on_control(struct queue *q)
{
	struct verr e;
	struct proto_message m;
	int v_autoclose fd = -1;
	int got = proto_recv(q->control, 0, q->seat_count, &m, &fd, &e);
	if (got == 1 && m.verb == PROTO_FREE)
		seat_freed(q, m.slot);
	if (got == 1 && m.verb == PROTO_LOST) {
		q->stats.value[STAT_HOST_RESTARTS]++;
		warm_lost(q, m.tier);
	}
	if (got == 1)
		return;
	if (got == -1)
		log_verr(&e, "from the warden");
	log_error("the warden ended");
	q->over = true;
	q->exit_code = ROLE_EXIT_FAILED;
}

static void
on_ring(struct queue *q, const struct ring *r, const struct sockaddr_un *from,
	socklen_t from_len)
{
	if (r->probe)
		probe_soon(q);
	if (r->fresh)
		q->look = true;
	if (r->cancel)
		cancel_id(q, r->id);
	if (r->wait && from_len > 0)
		waiters_add(&q->waiters, r->id, from, from_len);
}

static void
on_bell(struct queue *q)
{
	for (int i = 0; i < RINGS_PER_TURN; i++) {
		struct ring r;
		struct sockaddr_un from;
		socklen_t len;
		if (!bell_next(&q->bell, &r, &from, &len))
			return;
		on_ring(q, &r, &from, len);
	}
}

static void
on_event(struct queue *q, const struct epoll_event *ev)
{
	unsigned what = ev->data.u32;
	switch (what) {
	case WATCH_SIGNALS:
		on_signal(q);
		return;
	case WATCH_CONTROL:
		on_control(q);
		return;
	case WATCH_BELL:
		on_bell(q);
		return;
	case WATCH_PUBLISH:
		return; /* every turn serves it */
	default:
		seat_event(q, what - WATCH_SEAT, ev->events);
	}
}

static int
loop(struct queue *q, struct verr *e)
{
	while (!q->over) {
		struct epoll_event evs[EVENTS];
		int n = epoll_wait(q->epoll, evs, EVENTS, tick_timeout_ms(q));
		if (n == -1 && errno != EINTR)
			return verr_set(e, VERR_HOST, errno, "epoll_wait");
		for (int i = 0; i < n; i++)
			on_event(q, &evs[i]);
		tick(q);
		if (!q->rewatch)
			continue;
		q->rewatch = false;
		if (watch(q, q->bell.fd, WATCH_BELL, e) == -1)
			return -1;
	}
	return 0;
}

int
queue_role(const struct conf *c)
{
	struct verr e;
	static struct queue q;
	q = (struct queue){.conf = c,
		.epoll = -1,
		.signals = -1,
		.control = -1,
		.publish.fd = -1,
		.bell.fd = -1,
		.look = true,
		.look_cancel = true};
	bool opened = open_all(&q, &e) == 0;
	if (!opened || loop(&q, &e) == -1) {
		log_verr(&e, opened ? "the queue ends" : "cannot start");
		q.exit_code = opened ? ROLE_EXIT_FAILED : ROLE_EXIT_NO_USE;
	}
	close_all(&q);
	return q.exit_code;
}
