/* What may be written to a terminal, and how. */
#ifndef TERM_H
#define TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "verr.h"

/*
 * Appends text with everything that could move the cursor, change the screen
 * or turn the reading direction written as \n, \x1b or \u202e instead. Bytes
 * that are not UTF-8 become \xNN. The result is one line.
 */
int term_escape(const void *, size_t n, struct buf *out, struct verr *);

/* The same, but line ends and tabs stay: for text of several lines. */
int term_escape_text(const void *, size_t n, struct buf *out, struct verr *);

/* Columns that escaped text takes: one a character. */
size_t term_width(const char *);

/* The bytes that fill at most that many columns. */
size_t term_cut(const char *, size_t columns);

/*
 * Whether to colour what goes to fd: a terminal other than "dumb", and
 * NO_COLOR (https://no-color.org) unset or empty.
 */
bool term_colour(int fd);

/* Columns of the terminal behind fd; 0 when it is none. */
size_t term_columns(int fd);

/* The escape sequence that a status word is shown in; "" for others. */
const char *term_status_colour(const char *);
#define TERM_PLAIN "\x1b[0m"

#endif
