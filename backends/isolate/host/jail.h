/* The zygote's own jail. */
#ifndef JAIL_H
#define JAIL_H

#include "verr.h"

/*
 * Moves this process, for good, into namespaces of its own with an empty,
 * read-only root and no network. It stays root, with the capabilities that it
 * needs to make children of other users.
 */
int jail_enter(struct verr *);

#endif
