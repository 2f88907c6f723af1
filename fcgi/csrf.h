/* Requests that change something must come from a page of ours. */
#ifndef CSRF_H
#define CSRF_H

#include <stddef.h>

#include "exchange.h"

#define CSRF_TOKEN_BYTES 44 /* 32 bytes in base64url, and the NUL */

/*
 * The token of one form under one secret: HMAC-SHA-256 of the form's name. A
 * token of one form, session or purpose is of no use for another.
 */
void csrf_token(
	const char *secret, const char *form, char out[CSRF_TOKEN_BYTES]);

/* Whether text is that token; takes the same time wherever it differs. */
bool csrf_matches(const char *secret, const char *form, const char *text);

/* The token of a form for the session of this exchange; "" without one. */
const char *csrf_for(struct exchange *, const char *form);

/*
 * Origin and Sec-Fetch-Site of a browser's request: 403 unless they say that
 * it comes from this site. A request with neither is refused: every browser
 * sends one of them with a form.
 */
int csrf_same_site(struct exchange *, struct verr *);

/* The field "csrf" of a form, or X-CSRF-Token: 403 unless it is right. */
int csrf_check(struct exchange *, const char *form, struct verr *);

/* What the API asks of a request that comes with a cookie. */
#define CSRF_API "api"

#endif
