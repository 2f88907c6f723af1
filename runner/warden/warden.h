/* The warden's own state, shared by its files. */
#ifndef WARDEN_H
#define WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "proto.h"

/* One slot; pid -1 when no keeper runs in it. */
struct ward {
	pid_t pid;
	int pidfd;
	enum tier tier;
	bool unswept; /* the keeper ended and the slot is not proven empty */
	unsigned tries; /* to sweep it, in a row and in vain */
	char cgroup[24];
};

struct warden {
	const struct conf *conf;
	const char *conf_path;
	int lock; /* STATE/runner.lock, held for life */
	int signals; /* signalfd */
	int epoll;
	int control; /* to the queue, -1 when there is none */
	pid_t queue_pid;
	int queue_pidfd;
	int64_t queue_began_ns;
	int64_t queue_due_ns; /* when to start it again, 0: it runs */
	int64_t queue_wait_ms;
	bool queue_was_ready;
	bool ever_ready; /* some queue was, so another can be */
	bool stopping;
	bool over;
	int exit_code;
	int64_t sweep_due_ns; /* when to try unswept slots again, 0: none */
	struct backend *backends[TIER_COUNT];
	char why[TIER_COUNT][sizeof(((struct verr *)0)->msg)];
	struct ward *wards; /* conf->slots of them */
};

/* What epoll tells; slots follow from WATCH_SLOT on. */
enum watch {
	WATCH_SIGNALS,
	WATCH_CONTROL,
	WATCH_QUEUE,
	WATCH_BACKEND, /* one a tier */
	WATCH_SLOT = WATCH_BACKEND + TIER_COUNT
};
int warden_watch(struct warden *, int fd, unsigned what, struct verr *);

/* host.c: the lock, the folders, the drivers. */
int host_lock(struct warden *, struct verr *);
int host_folders(const struct conf *, struct verr *);
void host_open_backends(struct warden *);
void host_tend(struct warden *, enum tier);
void host_write_ready(const struct warden *);
void host_remove_ready(const struct warden *);

/* wards.c: the keepers in their slots. */
int wards_init(struct warden *, struct verr *);
void wards_done(struct warden *);
void wards_fork(struct warden *, const struct proto_message *, int channel);
void wards_reap(struct warden *, unsigned slot);
void wards_kill(struct warden *, unsigned slot);
void wards_sweep_all(struct warden *);
void wards_retry(struct warden *);
/* Ends every keeper, waits for it and sweeps its slot. */
void wards_kill_all(struct warden *);

/* Closes everything that a keeper must not have; called in the child. */
void warden_forget(struct warden *);

#endif
