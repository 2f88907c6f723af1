/* Which field of a request was refused, and what would be right. */
#ifndef FIELD_H
#define FIELD_H

#include "verr.h"

#define FIELD_NAME_BYTES 96
#define FIELD_HINT_BYTES 320

/*
 * Beside a struct verr of kind INPUT or LIMIT: `field` and `hint` of
 * problem+json. Both are valid UTF-8; "" when there is nothing to say.
 */
struct field_error {
	char field[FIELD_NAME_BYTES]; /* "limits.wall_ms", cut when longer */
	char hint[FIELD_HINT_BYTES];
};

/*
 * Sets both and returns -1: the message is "<field>: <text>". The name may be
 * a stranger's bytes: what is not printable becomes '?' in it.
 */
int field_refuse(struct field_error *, struct verr *, const char *field,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Sets the hint of a refusal; returns -1. */
int field_hint(struct field_error *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Hint "permitted: a, b, c" of a NULL-terminated list; returns -1. */
int field_hint_names(struct field_error *, const char *const *names);

#endif
