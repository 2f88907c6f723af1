/* The keepers in their slots: forked, reaped, proven gone. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fail.h"
#include "fd.h"
#include "keeper.h"
#include "log.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"
#include "warden.h"

/* The killed give back their memory: tens of milliseconds. */
#define RETRY_NS (20 * VTIME_NS_PER_MS)
#define LOG_TRIES 50

int
wards_init(struct warden *w, struct verr *e)
{
	w->wards = calloc(w->conf->slots, sizeof(*w->wards));
	if (w->wards == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "slots");
	for (unsigned i = 0; i < w->conf->slots; i++) {
		struct ward *s = &w->wards[i];
		s->pid = -1;
		s->pidfd = -1;
		snprintf(s->cgroup, sizeof(s->cgroup), "slot-%u", i);
	}
	return 0;
}

void
wards_done(struct warden *w)
{
	free(w->wards);
	w->wards = NULL;
}

static struct sandbox_slot
slot_of(const struct warden *w, unsigned slot)
{
	return (struct sandbox_slot){.index = slot,
		.uid = (uid_t)(w->conf->slot_uid_first + slot),
		.cgroup = w->wards[slot].cgroup};
}

static void
tell(struct warden *w, enum proto_verb verb, enum tier tier, unsigned slot)
{
	struct verr e;
	struct proto_message m = {.verb = verb, .tier = tier, .slot = slot};
	/* A queue that is gone shows at its pidfd. */
	if (w->control != -1 && proto_send(w->control, &m, -1, &e) == -1 &&
		e.sys != EPIPE && e.sys != ECONNRESET)
		log_verr(&e, "telling the queue");
}

/* 0 the slot is proven empty. */
static int
sweep(struct warden *w, unsigned slot, enum tier tier)
{
	struct verr e;
	struct sandbox_slot s = slot_of(w, slot);
	struct backend *b = w->backends[tier];
	if (b == NULL || backend_sweep(b, &s, &e) == 0)
		return 0;
	/* Once a second; who is dying as expected is worth no word at first. */
	unsigned first = e.sys == EBUSY ? 0 : 1;
	if (++w->wards[slot].tries % LOG_TRIES == first)
		log_verr(&e,
			"sweeping slot %u; it stays closed until that works",
			slot);
	return -1;
}

static void
release(struct warden *w, unsigned slot)
{
	struct ward *s = &w->wards[slot];
	s->unswept = sweep(w, slot, s->tier) == -1;
	if (s->unswept) {
		w->sweep_due_ns = vtime_mono_ns() + RETRY_NS;
		return;
	}
	s->tries = 0;
	tell(w, PROTO_FREE, s->tier, slot);
}

static _Noreturn void
child(struct warden *w, const struct proto_message *m, int channel)
{
	struct verr e;
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_IGN);
	if (proc_die_with_parent(&e) == -1)
		_exit(1);
	warden_forget(w);
	setsid();
	sigprocmask(SIG_SETMASK, &none, NULL);
	log_open(m->verb == PROTO_PROBE ? "prober" : "keeper");
	struct keeper_task t = {.conf = w->conf,
		.backend = w->backends[m->tier],
		.why = w->why[m->tier],
		.class = {.tier = m->tier, .runtime = m->runtime},
		.slot = slot_of(w, m->slot),
		.channel = channel};
	int code = m->verb == PROTO_PROBE ? prober_run(&t) : keeper_run(&t);
	_exit(code);
}

void
wards_fork(struct warden *w, const struct proto_message *m, int channel)
{
	struct verr e;
	struct ward *s = &w->wards[m->slot];
	if (s->pid != -1 || s->unswept) {
		log_error("slot %u was asked for while it is in use", m->slot);
		return;
	}
	if (w->stopping) {
		tell(w, PROTO_FREE, m->tier, m->slot);
		return;
	}
	s->tier = m->tier;
	FAIL_POINT("fork.before");
	pid_t pid = fork();
	if (pid == 0)
		child(w, m, channel);
	if (pid == -1) {
		verr_set(&e, VERR_HOST, errno, "fork");
		log_verr(&e, "keeper of slot %u", m->slot);
		tell(w, PROTO_FREE, m->tier, m->slot);
		return;
	}
	s->pid = pid;
	s->pidfd = proc_pidfd(pid, &e);
	if (s->pidfd == -1 ||
		warden_watch(w, s->pidfd, WATCH_SLOT + m->slot, &e) == -1) {
		log_verr(&e, "keeper of slot %u", m->slot);
		kill(pid, SIGKILL);
		wards_reap(w, m->slot);
		return;
	}
	FAIL_POINT("fork.after");
}

void
wards_reap(struct warden *w, unsigned slot)
{
	struct ward *s = &w->wards[slot];
	assert(s->pid != -1);
	int status;
	pid_t got;
	do
		got = waitpid(s->pid, &status, 0);
	while (got == -1 && errno == EINTR);
	/* Copies in keepers would keep a closed descriptor watched. */
	if (s->pidfd != -1)
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, s->pidfd, NULL);
	fd_close(&s->pidfd);
	s->pid = -1;
	FAIL_POINT("reap.after");
	release(w, slot);
}

void
wards_kill(struct warden *w, unsigned slot)
{
	struct verr e;
	struct ward *s = &w->wards[slot];
	if (s->pid != -1 && proc_kill(s->pidfd, SIGKILL, &e) == -1)
		log_verr(&e, "ending the keeper of slot %u", slot);
}

void
wards_sweep_all(struct warden *w)
{
	for (unsigned i = 0; i < w->conf->slots; i++) {
		bool empty = true;
		for (int t = 0; t < TIER_COUNT; t++)
			if (sweep(w, i, (enum tier)t) == -1)
				empty = false;
		w->wards[i].unswept = !empty;
		if (!empty)
			w->sweep_due_ns = vtime_mono_ns() + RETRY_NS;
	}
}

void
wards_retry(struct warden *w)
{
	w->sweep_due_ns = 0;
	for (unsigned i = 0; i < w->conf->slots; i++)
		if (w->wards[i].unswept)
			release(w, i);
}

void
wards_kill_all(struct warden *w)
{
	for (unsigned i = 0; i < w->conf->slots; i++)
		wards_kill(w, i);
	for (unsigned i = 0; i < w->conf->slots; i++)
		if (w->wards[i].pid != -1)
			wards_reap(w, i);
}
