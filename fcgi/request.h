/* One HTTP request as its CGI or FastCGI parameters tell it. */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "verr.h"

#define REQUEST_PARAMS_MAX 256
#define REQUEST_PARAM_BYTES 16384 /* of one "NAME=value" */
#define REQUEST_PATH_BYTES 2048
#define REQUEST_QUERY_BYTES 8192

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_DELETE,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD_COUNT
};

/* "GET"; "?" for METHOD_OTHER. */
const char *method_text(enum method);
enum method method_parse(const char *);

/*
 * Strings live in the arena or in envp. Those marked NULL are NULL when the
 * client sent none. All are free of control characters.
 */
struct request {
	enum method method;
	const char *path; /* decoded once; starts with '/'; UTF-8 */
	const char *query; /* raw; "" when there is none */
	bool https;
	bool has_length;
	uint64_t content_length; /* 0 without has_length */
	const char *content_type; /* NULL */
	const char *cookies; /* NULL; see request_cookie */
	const char *bearer; /* NULL; token68 of RFC 6750 */
	const char *origin; /* NULL */
	const char *host; /* NULL */
	const char *fetch_site; /* NULL; Sec-Fetch-Site */
	const char *accept; /* NULL */
	const char *idempotency_key; /* NULL; 1 to 128 printable characters */
	const char *csrf; /* NULL; X-CSRF-Token */
	const char *last_event_id; /* NULL */
	const char *user_agent; /* NULL */
	const char *remote_addr; /* NULL */
};

/*
 * envp is NULL-terminated "NAME=value" (FCGX_ParamArray or environ) and
 * outlives the request. The path is REQUEST_URI up to '?', decoded; without
 * that PATH_INFO, which a CGI server has decoded already, and QUERY_STRING.
 * INPUT: a malformed or repeated parameter, a path with a NUL, '..', '\', a
 * control character, a wrong '%' or bytes that are not UTF-8. LIMIT: too many,
 * too long, or a Content-Length above body_max.
 */
int request_parse(struct arena *, char *const *envp, uint64_t body_max,
	struct request *ret, struct verr *);

/*
 * 1: *ret is the value, in the arena; 0: no such cookie; -1: it is there
 * twice (which is how a neighbouring host plants one) or malformed.
 */
int request_cookie(const struct request *, struct arena *, const char *name,
	const char **ret, struct verr *);

/* Whether the content type is this media type, whatever its parameters. */
bool request_has_type(const struct request *, const char *media_type);

/*
 * Undoes percent-encoding in text[len] into the arena; plus_is_space as forms
 * have it. INPUT for a wrong '%', a NUL and bytes that are not UTF-8.
 */
int percent_decode(struct arena *, const char *text, size_t len,
	bool plus_is_space, const char **ret, struct verr *);

#endif
