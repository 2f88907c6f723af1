/* Forms and query strings, and the check of what a route permits. */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "field.h"
#include "verr.h"

/* Text in the arena: valid UTF-8 without a NUL. */
struct form_field {
	const char *name;
	const char *value;
};

/* In the order they came; names may repeat until param_check has looked. */
struct form {
	struct form_field *fields;
	size_t count;
	size_t room;
};

struct form_limits {
	size_t fields_max;
	size_t bytes_max; /* of the encoded text */
};

/*
 * application/x-www-form-urlencoded (WHATWG URL 5.1, but strict): INPUT by
 * field name for a wrong '%', a NUL or bytes that are not UTF-8; LIMIT.
 */
int form_parse(struct arena *, const char *text, size_t len,
	const struct form_limits *, struct form *ret, struct field_error *,
	struct verr *);

/* Adds a field whose strings are in the arena already. */
void form_add(
	struct arena *, struct form *, const char *name, const char *value);

/* The first value of that name, or NULL. */
const char *form_get(const struct form *, const char *name);

/* The next field of that name from *at on, NULL at the end. */
const char *form_next(const struct form *, const char *name, size_t *at);

enum param_type {
	PARAM_TEXT, /* min..max bytes */
	PARAM_U64, /* min..max */
	PARAM_ULID,
	PARAM_WORD, /* one of words */
	PARAM_JSON, /* one JSON value of min..max bytes */
	PARAM_TIME, /* RFC 3339 */
	PARAM_BOOL, /* true false 1 0 on off */
	PARAM_TYPES
};

/*
 * What a route permits: a const table that ends with a row without name. A
 * max of 0 is the type's own: 4096 bytes of text, 64 KiB of JSON, UINT64_MAX.
 */
struct param {
	const char *name;
	enum param_type type;
	uint64_t min;
	uint64_t max;
	const char *const *words; /* NULL-terminated */
	bool required;
	bool repeatable;
};

/*
 * Holds a form against a table (NULL permits nothing). INPUT by name for an
 * unknown, a repeated, a missing and a wrong field; the hint names what is
 * permitted. A field that is blank and not required counts as not sent, as
 * browsers send every input: it is taken out of the form, unless it is text.
 */
int param_check(const struct param *, struct form *, struct field_error *,
	struct verr *);

/* Values of a checked form; `normal` when the field is not there. */
uint64_t form_u64(const struct form *, const char *name, uint64_t normal);
bool form_bool(const struct form *, const char *name, bool normal);
int64_t form_time_ms(const struct form *, const char *name, int64_t normal);

/* RFC 3339 to wall milliseconds: 1 or 0 when it is none. */
int time_parse(const char *text, int64_t *ret_ms);

#endif
