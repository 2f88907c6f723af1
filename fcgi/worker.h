/* A worker: one request after another until it is told to end. */
#ifndef WORKER_H
#define WORKER_H

#include "conf.h"
#include "shared.h"
#include "verr.h"

/*
 * Serves requests from the listening socket until SIGTERM, or until it has
 * served enough to be replaced by a fresh one. Returns when it should exit.
 */
int worker_run(const struct conf *, struct shared *, size_t slot, int listen_fd,
	struct verr *);

/* Serves the one request that a CGI server started this process for. */
int worker_cgi(const struct conf *, struct verr *);

#endif
