/* JSON request bodies: read strictly, and taken apart by name. */
#ifndef BODY_JSON_H
#define BODY_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "field.h"
#include "verr.h"

#define BODY_JSON_DEPTH_MAX 64
#define BODY_JSON_EXACT_MAX (UINT64_C(1) << 53)

struct body_json_limits {
	size_t bytes_max;
	size_t items_max; /* values in all; one takes about 64 bytes */
};

/*
 * RFC 8259 and no more; *ret is the caller's (v_autocjson). INPUT with line
 * and column, and the member's name where it is known, for: what is not JSON,
 * bytes after it, bytes that are not UTF-8, lone surrogates, \u0000, a member
 * twice, numbers beyond a double. LIMIT: too long, too deep, too many items.
 */
int body_json_parse(const char *text, size_t len,
	const struct body_json_limits *, cJSON **ret, struct field_error *,
	struct verr *);

/* Only the check of body_json_parse but for repeated members; no memory. */
int body_json_check(const char *text, size_t len,
	const struct body_json_limits *, struct field_error *, struct verr *);

/*
 * The exact text of a top-level member of an object that body_json_parse
 * accepted: 1 and a span within text, or 0. For values that are passed on as
 * they came, whatever a double would make of them.
 */
int body_json_span(const char *text, size_t len, const char *name,
	const char **ret, size_t *ret_len);

/* An object and its own name within the body; "" for the body itself. */
struct json_in {
	const cJSON *object;
	const char *at;
};

/* INPUT unless the body is an object; fills *ret. */
int json_root(const cJSON *body, struct json_in *ret, struct field_error *,
	struct verr *);

/* Refuses members that are not in a NULL-terminated list; the hint has it. */
int json_only(const struct json_in *, const char *const *names,
	struct field_error *, struct verr *);

/*
 * Accessors: 1 and *ret when the member is there, 0 when it is missing or
 * null, -1 INPUT by the member's full name ("limits.wall_ms") when it is of
 * another type or out of bounds. Text bounds are bytes; integers are at most
 * BODY_JSON_EXACT_MAX whatever max says. What they give belongs to the body.
 */
int json_get_text(const struct json_in *, const char *name, size_t min,
	size_t max, const char **ret, struct field_error *, struct verr *);
int json_get_u64(const struct json_in *, const char *name, uint64_t min,
	uint64_t max, uint64_t *ret, struct field_error *, struct verr *);
int json_get_bool(const struct json_in *, const char *name, bool *ret,
	struct field_error *, struct verr *);
int json_get_word(const struct json_in *, const char *name,
	const char *const *words, const char **ret, struct field_error *,
	struct verr *);
/* ret->at is written into room. */
int json_get_object(const struct json_in *, const char *name,
	char room[FIELD_NAME_BYTES], struct json_in *ret, struct field_error *,
	struct verr *);
int json_get_array(const struct json_in *, const char *name, size_t min,
	size_t max, const cJSON **ret, struct field_error *, struct verr *);
/* Any value but null. */
int json_get_any(const struct json_in *, const char *name, const cJSON **ret);

static inline void
v_cjson_guard(cJSON **j)
{
	cJSON_Delete(*j);
}
/* cJSON v_autocjson *j = NULL; is freed at the end of its scope. */
#define v_autocjson __attribute__((cleanup(v_cjson_guard)))

#endif
