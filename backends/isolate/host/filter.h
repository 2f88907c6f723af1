/* The system calls of a run: a table, made into a filter once. */
#ifndef FILTER_H
#define FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

#include "verr.h"

/* Makes the filter; with jit, memory may become executable. */
int filter_make(bool jit, struct sock_fprog *ret, struct verr *);

#endif
