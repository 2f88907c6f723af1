/* Whether bytes are JSON, for text that is passed on as it came. */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_CHECK_DEPTH_MAX 1024

/*
 * True for exactly one value of RFC 8259 in well-formed UTF-8, with blanks
 * around it, nested at most JSON_CHECK_DEPTH_MAX deep. Takes no memory and
 * does not recurse, so it may read a stranger's bytes.
 */
bool json_check(const void *, size_t n);

#endif
