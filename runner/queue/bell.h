/*
 * The doorbell: a datagram socket on which the web says that there is work,
 * or that someone waits for a result. A lost datagram costs time only.
 */
#ifndef BELL_H
#define BELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "ulid.h"
#include "verr.h"

/* What one datagram says. */
struct ring {
	bool fresh; /* a new workload is pending */
	bool wait; /* the sender waits for its end */
	bool cancel; /* its end was asked for */
	bool probe; /* look at the tiers again; no id */
	char id[ULID_TEXT_BYTES];
};

/* 1 understood, 0 not one of the texts that there are. */
int ring_parse(const void *, size_t n, struct ring *ret);

struct bell {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd; /* -1: there is none, the poll does its work */
	dev_t dev;
	ino_t ino;
	uid_t web_uid;
	bool complained;
	uint64_t refused; /* from other users, or not understood */
};
void bell_init(struct bell *, const char *run_folder, uid_t web_uid);
void bell_done(struct bell *);

/* Makes the socket where it is missing: 1 made, 0 it was there, -1. */
int bell_check(struct bell *, struct verr *);

/*
 * The next datagram of the web, of root or of this user: 1 and the sender's
 * address (ret_len 0: it has none), 0 nothing is there.
 */
int bell_next(struct bell *, struct ring *ret, struct sockaddr_un *ret_from,
	socklen_t *ret_len);

/* Who waits for what. An address waits for one workload at a time. */
#define WAITERS_MAX 512

struct waiter {
	struct sockaddr_un from;
	socklen_t from_len;
	char id[ULID_TEXT_BYTES];
	bool unchecked; /* whether it is active at all was not looked up */
};

struct waiters {
	struct waiter *all;
	size_t count;
};
int waiters_init(struct waiters *, struct verr *);
void waiters_done(struct waiters *);

/* Enters one, in place of what the same address waited for before. */
void waiters_add(struct waiters *, const char *id, const struct sockaddr_un *,
	socklen_t);

/* Says "done <id>" to all who wait for it, and strikes them off. */
void waiters_answer(struct waiters *, int fd, const char *id);

#endif
