/* Writes JSON (RFC 8259); reading is left to cJSON where it is needed. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/*
 * A writer into a borrowed buffer. Errors (the buffer's ceiling) are kept and
 * told once, by json_end. Bytes that are not UTF-8 become U+FFFD.
 */
struct json {
	struct buf *out;
	bool comma;
	bool failed;
	struct verr first;
};

void json_begin(struct json *, struct buf *out);
int json_end(struct json *, struct verr *);

void json_object(struct json *);
void json_object_end(struct json *);
void json_array(struct json *);
void json_array_end(struct json *);
void json_key(struct json *, const char *);

void json_text(struct json *, const char *);
void json_bytes(struct json *, const void *, size_t n);
void json_u64(struct json *, uint64_t);
void json_i64(struct json *, int64_t);
void json_bool(struct json *, bool);
void json_null(struct json *);
/* A value that is JSON already; the caller vouches for it. */
void json_raw(struct json *, const char *, size_t n);

void json_key_text(struct json *, const char *key, const char *);
void json_key_u64(struct json *, const char *key, uint64_t);
void json_key_bool(struct json *, const char *key, bool);

#endif
