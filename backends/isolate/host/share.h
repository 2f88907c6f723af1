/* Lets children inherit the mapped pages of programs and libraries. */
#ifndef SHARE_H
#define SHARE_H

#include "verr.h"

/*
 * fork() leaves the pages of an untouched private file mapping to be faulted
 * in again by each child, a hundred faults in a run. A mapping with one page
 * of its own is copied with all its entries; so one byte of each is written
 * over with itself. Reads /proc/self/maps; call it before the jail.
 */
int share_mappings(struct verr *);

#endif
