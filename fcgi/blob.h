/* Large files of programs: STATE/blobs, each named by its SHA-256. */
#ifndef BLOB_H
#define BLOB_H

#include "exchange.h"
#include "submit.h"

/*
 * Makes a file's content last: small ones come into memory (data), large ones
 * into STATE/blobs (data becomes NULL), synced before this returns. Sets
 * sha256 and len.
 */
int blob_keep(struct exchange *, struct submit_file *, struct verr *);

/* Up to max bytes of a kept file, appended; a missing one is HOST. */
int blob_read(const struct web *, const char *sha256, size_t max,
	struct buf *out, struct verr *);

#endif
