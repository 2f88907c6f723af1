/* ULIDs: 48 bits of wall milliseconds and 80 random bits, sortable text. */
#ifndef ULID_H
#define ULID_H

#include <stdbool.h>

#include "verr.h"

#define ULID_CHARS 26
#define ULID_TEXT_BYTES 27

/*
 * A new one in Crockford's base 32. Two made by one process in the same
 * millisecond sort in the order they were made (the random part counts up).
 */
int ulid_new(char out[ULID_TEXT_BYTES], struct verr *);

/* Whether text is exactly one ULID, upper case. */
bool ulid_valid(const char *text);

#endif
