/* Where a multipart body goes: fields to the arena, files to the disk. */
#ifndef UPLOAD_H
#define UPLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "field.h"
#include "form.h"
#include "multipart.h"
#include "verr.h"

#define UPLOAD_FILES_MAX 256
#define UPLOAD_SHA256_TEXT 65

/*
 * An anonymous file (O_TMPFILE): it has no name, and is gone with the last
 * descriptor. The offset is 0.
 */
struct upload_file {
	const char *field;
	const char *name; /* the client's; a last part of a path, not checked
			     further; "" when it gave none */
	const char *content_type; /* NULL */
	int fd; /* the upload's until v_take_fd */
	uint64_t bytes;
	char sha256[UPLOAD_SHA256_TEXT]; /* lower-case hexadecimal */
};

struct upload_limits {
	size_t files_max; /* at most UPLOAD_FILES_MAX */
	size_t fields_max;
	size_t field_bytes_max;
	uint64_t file_bytes_max;
	uint64_t total_bytes_max; /* the whole body */
};

struct upload {
	struct form form; /* the fields */
	struct upload_file *files;
	size_t file_count;

	struct arena *arena;
	int dir_fd; /* borrowed */
	struct upload_limits limits;
	struct multipart multipart;
	struct field_error *field;
	struct buf value; /* of the field that is arriving */
	const char *name;
	bool in_file;
	struct crypto_hash_sha256_state *hash;
};

/*
 * dir_fd is the directory whose file system keeps the files. `field` names
 * the part at fault when a later call fails. An empty file input (no name and
 * no bytes), as browsers send for one left blank, is not counted as a file.
 */
int upload_init(struct upload *, struct arena *, const char *content_type,
	int dir_fd, const struct upload_limits *, struct field_error *field,
	struct verr *);
int upload_feed(struct upload *, const void *, size_t, struct verr *);
int upload_end(struct upload *, struct verr *);

/* Closes the files that were not taken; harmless twice. */
void upload_done(struct upload *);

static inline void
v_upload_guard(struct upload *u)
{
	upload_done(u);
}
/* struct upload v_autoupload u = UPLOAD; */
#define v_autoupload __attribute__((cleanup(v_upload_guard)))
#define UPLOAD \
	{ \
		.dir_fd = -1 \
	}

#endif
