/* Errors as values: a kind, an errno and one sentence for a person. */
#ifndef VERR_H
#define VERR_H

#include <stdarg.h>

/*
 * Who is at fault, and so what to do: fcgi maps a kind to an HTTP status, the
 * runner to its retry policy, each by one table.
 */
enum verr_kind {
	VERR_NONE,
	VERR_INPUT, /* what the caller's user gave is wrong: tell them */
	VERR_LIMIT, /* a bound was reached: try less, or later */
	VERR_HOST, /* this machine could not: files, memory, processes */
	VERR_PROTO, /* a peer does not speak as agreed */
	VERR_BUG, /* Vulcan broke its own rule */
	VERR_KINDS
};

/*
 * 256 bytes, owned by the caller. A function that can fail takes one as its
 * last parameter, returns -1 if and only if it set it, and sets it once;
 * callers on the way up add context with verr_wrap.
 */
struct verr {
	enum verr_kind kind;
	int sys; /* errno at the time, or 0 */
	char msg[248];
};

/*
 * Sets the error and returns -1. sys is an errno or 0; when it is not 0, its
 * text is appended. A message says what was tried, on what, and the remedy.
 */
int verr_set(struct verr *, enum verr_kind, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "context: " before the message of an error already set; returns -1. */
int verr_wrap(struct verr *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The kind as one lower-case word. */
const char *verr_kind_text(enum verr_kind);

#endif
