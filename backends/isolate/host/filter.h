/* The system calls of a run: a table, made into a filter once. */
#ifndef FILTER_H
#define FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include "verr.h"

/* Makes the filter; with jit, memory may become executable. */
int filter_make(bool jit, struct sock_fprog *ret, struct verr *);

/* Binds this process to it for good; async-signal-safe. -1 with errno. */
int filter_enter(const struct sock_fprog *);

#endif
