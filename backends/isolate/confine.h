/* What both jails of this tier do alike: the run's own and the compiler's. */
#ifndef CONFINE_H
#define CONFINE_H

#include <linux/filter.h>
#include <seccomp.h>
#include <sys/types.h>

#include "verr.h"

/* Ends a filter: writes it into *ret for good, and releases f in any case. */
int confine_filter(scmp_filter_ctx f, struct sock_fprog *ret, struct verr *);

/* Binds this process to it; async-signal-safe. -1 with errno. */
int confine_enter(const struct sock_fprog *);

/*
 * Becomes the slot's user and its group, of the same number, for good;
 * async-signal-safe. -1: it must not go on.
 */
int confine_user(uid_t);

#endif
