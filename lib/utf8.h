/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, to U+10FFFF. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at p, 0 when there is none. */
size_t utf8_step(const void *p, size_t n);

/* Whether all n bytes are well-formed. */
bool utf8_valid(const void *p, size_t n);

/* The longest length up to max at which no character is cut in two. */
size_t utf8_cut(const void *p, size_t n, size_t max);

#endif
