/* Who asks: sessions of browsers, keys of programs. */
#ifndef AUTH_H
#define AUTH_H

#include "exchange.h"

#define AUTH_SECRET_BYTES 44 /* 32 random bytes in base64url, and the NUL */
#define AUTH_KEY_PREFIX "vk_"

/* 32 random bytes as text. */
void auth_secret(char out[AUTH_SECRET_BYTES]);

/* Hexadecimal SHA-256 of a text, as the database keeps secrets. */
void auth_hash(const char *text, char out[DB_TOKEN_BYTES]);

/*
 * Fills x->who from the bearer key or the session cookie. A key that is wrong
 * is 401; a cookie that means nothing any more is nobody.
 */
int auth_identify(struct exchange *, struct verr *);

/* What the route asks: 401, or for a page the way to the log-in (1). */
int auth_require(struct exchange *, struct verr *);

/* Makes a new session for a user and sets its cookie. */
int auth_log_in(struct exchange *, int64_t user_id, struct verr *);

/* Ends the session of this exchange and clears its cookie. */
int auth_log_out(struct exchange *, struct verr *);

/*
 * A random secret for forms that come before there is a session, kept in a
 * cookie of its own; made when it is not there.
 */
int auth_before(struct exchange *, const char **ret_secret, struct verr *);

/* Writes a line into the table of events; nobody (0) is allowed. */
int auth_event(struct exchange *, int64_t user_id, const char *workload_id,
	const char *what, const char *detail, struct verr *);

#endif
