/* One request from its parameters to its answer. */
#ifndef SERVE_H
#define SERVE_H

#include "exchange.h"

/* The routes of Vulcan, for route_find. */
extern const struct route routes_table[];
extern const size_t routes_count;

/*
 * Serves one request: whatever goes wrong becomes an answer. envp is that of
 * request_parse; the arena is the caller's and is reset by it. Returns the
 * status that was sent.
 */
int serve_request(
	struct web *, struct peer *, struct arena *, char *const *envp);

#endif
