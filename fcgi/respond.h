/* Answers: status, headers, pages, records and refusals. */
#ifndef RESPOND_H
#define RESPOND_H

#include <cjson/cJSON.h>

#include "exchange.h"
#include "pages.h"

/* The HTTP status of an error by its kind alone. */
int respond_status_of(enum verr_kind);

/* "Not Found" and the like; "Error" for a status not in use. */
const char *respond_phrase(int status);

/*
 * Adds a header line. A name that is no token or a value with a control
 * character is BUG: nothing that a stranger sent can end a line.
 */
int respond_header(
	struct exchange *, const char *name, const char *value, struct verr *);

/* Sets the status and the type of the body that was put into res.body. */
int respond_as(struct exchange *, int status, const char *type, struct verr *);

/* Renders a page; takes the view, which may be NULL after an error. */
int respond_page(
	struct exchange *, int status, enum page, cJSON *view, struct verr *);

/* 303 See Other to a path of this server. */
int respond_redirect(struct exchange *, const char *path, struct verr *);

/*
 * Replaces whatever was prepared by the refusal: problem+json for programs, a
 * page for browsers. Needs no memory that could be missing to fail.
 */
void respond_problem(struct exchange *, const struct verr *);

/* Sends it; -1 when the peer is gone. A HEAD request gets no body. */
int respond_send(struct exchange *);

/* Whether this client reads pages rather than JSON. */
bool respond_wants_page(const struct exchange *);

#endif
