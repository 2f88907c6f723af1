/* Refusals of the API: application/problem+json, RFC 9457. */
#ifndef PROBLEM_H
#define PROBLEM_H

#include "buf.h"
#include "verr.h"

/*
 * Appends what an answer with that status says, for a person: title, field
 * and detail on a line, the hint on another. An answer that is no problem
 * (a proxy's page) is named by its status alone. Escaped for a terminal.
 */
int problem_text(long status, const char *body, struct buf *out, struct verr *);

#endif
