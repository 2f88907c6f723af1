/* Event log of a process: one JSON object a line on standard error. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "json.h"
#include "log.h"
#include "poison.h"
#include "vtime.h"

static const char *log_role = "vulcan";

void
log_open(const char *role)
{
	log_role = role;
}

static void
line(const char *level, const struct verr *cause, const char *fmt, va_list ap)
{
	char text[1024];
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	char when[VTIME_TEXT_BYTES];
	vtime_text(vtime_wall_ms(), when);
	struct verr e;
	struct buf v_autobuf b = BUF(16384);
	struct json j;
	json_begin(&j, &b);
	json_object(&j);
	json_key_text(&j, "time", when);
	json_key_text(&j, "level", level);
	json_key_text(&j, "role", log_role);
	json_key_u64(&j, "pid", (uint64_t)getpid());
	json_key_text(&j, "text", text);
	if (cause != NULL) {
		json_key_text(&j, "kind", verr_kind_text(cause->kind));
		json_key_text(&j, "error", cause->msg);
	}
	json_object_end(&j);
	if (json_end(&j, &e) == -1 || buf_addc(&b, '\n', &e) == -1)
		return;
	/* A log that cannot be written has nowhere to say so. */
	ssize_t n = write(STDERR_FILENO, b.data, b.len);
	(void)n;
}

#define LINE(level, cause) \
	do { \
		va_list ap; \
		va_start(ap, fmt); \
		line(level, cause, fmt, ap); \
		va_end(ap); \
	} while (0)

void
log_info(const char *fmt, ...)
{
	LINE("info", NULL);
}

void
log_warn(const char *fmt, ...)
{
	LINE("warn", NULL);
}

void
log_error(const char *fmt, ...)
{
	LINE("error", NULL);
}

void
log_verr(const struct verr *cause, const char *fmt, ...)
{
	LINE("error", cause);
}
