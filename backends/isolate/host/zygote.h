/* The zygote's loop: births, deaths and their news. */
#ifndef ZYGOTE_H
#define ZYGOTE_H

#include <linux/filter.h>
#include <stdint.h>

#include "verr.h"

struct zygote {
	int control;
	uint32_t uid_first, uid_count;
	uint64_t renew_runs; /* births after which it asks to be replaced */
	struct sock_fprog filter;
};

/* Serves until nobody can ask any more and no child is left. */
int zygote_serve(struct zygote *, struct verr *);

#endif
