/* Which Vulcan to speak to, and with which key. */
#ifndef CONNECT_H
#define CONNECT_H

#include <stdbool.h>

#include "buf.h"
#include "verr.h"

/* What the command line and the environment say; NULL where nothing. */
struct connect_given {
	const char *url; /* --url or VULCAN_URL */
	const char *token; /* VULCAN_TOKEN */
	const char *token_file; /* --token-file */
	const char *state; /* --state or VULCAN_STATE */
	const char *home; /* HOME */
	const char *config_home; /* XDG_CONFIG_HOME */
};

#define CONNECT_URL_BYTES 1024
#define CONNECT_TOKEN_BYTES 512

struct connect {
	char url[CONNECT_URL_BYTES]; /* without a slash at the end */
	char token[CONNECT_TOKEN_BYTES]; /* "" when there is none */
};

/*
 * Address and key are a pair. A key that was found in a folder only goes to
 * the address found beside it, and a key from elsewhere only goes to an
 * address that was given, lies in the user's own folder, or is on this
 * machine: a foreign folder's `var/url` must not draw a key to itself.
 */
int connect_find(
	const struct connect_given *, struct connect *ret, struct verr *);

/* Whether an http address names this very machine. */
bool connect_is_local(const char *url);

#endif
