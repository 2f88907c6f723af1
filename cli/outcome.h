/* What a record of the API means to `vulcan`. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "buf.h"
#include "verr.h"

/* Exit statuses of `vulcan run` that are not the program's own. */
enum outcome_exit {
	OUTCOME_EXIT_TIMEOUT = 124, /* wall or processor time */
	OUTCOME_EXIT_PLATFORM = 125, /* Vulcan failed, not the program */
	OUTCOME_EXIT_CANCELLED = 130,
	OUTCOME_EXIT_LIMIT = 137 /* another limit, as a shell shows SIGKILL */
};

/* The text of a member; "" when it is missing, null or no text. */
const char *outcome_text(const cJSON *, const char *key);

/* A number as text: whole ones without a fraction, else three digits. */
int outcome_number(
	const cJSON *, const char *key, struct buf *out, struct verr *);

/* Whether its status is one that will not change any more. */
bool outcome_settled(const cJSON *);

/* Exit status for a settled record. */
int outcome_exit_status(const cJSON *);

/* "completed on isolate (v8, warm) in 12.3 ms  01J..." in one escaped line. */
int outcome_line(const cJSON *, struct buf *out, struct verr *);

/*
 * Appends the bytes of stdout or stderr: 1; 0 when the record may not carry
 * them exactly and the raw address must be asked; -1.
 */
int outcome_stream(
	const cJSON *, const char *stream, struct buf *out, struct verr *);

/*
 * As cJSON_Parse; a NUL in a text, which would end it for cJSON, becomes
 * U+FFFD.
 */
cJSON *outcome_parse(const char *);

static inline void
v_cjson_guard(cJSON **j)
{
	cJSON_Delete(*j);
}
/* cJSON v_autocjson *j = NULL; is freed at the end of its scope. */
#define v_autocjson __attribute__((cleanup(v_cjson_guard)))

#endif
