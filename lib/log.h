/* Event log of a process: one JSON object a line on standard error. */
#ifndef LOG_H
#define LOG_H

#include "verr.h"

/* Names the role that stands in every line; called once, by main. */
void log_open(const char *role);

/* One line each; text is escaped, so an event is always one line. */
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An error that was met while doing what fmt says. */
void log_verr(const struct verr *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
