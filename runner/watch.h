/* What both roles of the runner wait with: an epoll and their signals. */
#ifndef WATCH_H
#define WATCH_H

#include "verr.h"

/*
 * Ignores SIGPIPE and SIGHUP, blocks SIGTERM and SIGINT and makes a
 * non-blocking signalfd of them. Both descriptors are the caller's, also those
 * that were made before a failure.
 */
int watch_open(int *ret_epoll, int *ret_signals, struct verr *);

/* Tells `what` in data.u32 when fd is readable; twice is once. */
int watch_add(int epoll, int fd, unsigned what, struct verr *);

#endif
