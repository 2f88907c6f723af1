/* Base64 of RFC 4648, section 4. */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

#include "buf.h"
#include "verr.h"

/* Appends the text of n bytes, padded. */
int base64_encode(const void *, size_t n, struct buf *out, struct verr *);

/*
 * Appends the bytes of text. PROTO for a foreign character, a wrong length
 * or padding, or bits that are set behind the last byte.
 */
int base64_decode(const char *text, size_t n, struct buf *out, struct verr *);

#endif
