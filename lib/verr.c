/* Errors as values. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "verr.h"

static const char *const kind_text[] = {
	[VERR_NONE] = "none",
	[VERR_INPUT] = "input",
	[VERR_LIMIT] = "limit",
	[VERR_HOST] = "host",
	[VERR_PROTO] = "protocol",
	[VERR_BUG] = "bug",
};
_Static_assert(sizeof(kind_text) / sizeof(kind_text[0]) == VERR_KINDS,
	"a text for every kind");

int
verr_set(struct verr *e, enum verr_kind kind, int sys, const char *fmt, ...)
{
	assert(kind > VERR_NONE && kind < VERR_KINDS);
	e->kind = kind;
	e->sys = sys;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		e->msg[0] = '\0';
	size_t used = strlen(e->msg);
	if (sys != 0 && used < sizeof(e->msg) - 1) {
		const char *text = strerrordesc_np(sys);
		snprintf(e->msg + used, sizeof(e->msg) - used, ": %s",
			text != NULL ? text : "unknown error");
	}
	return -1;
}

int
verr_wrap(struct verr *e, const char *fmt, ...)
{
	assert(e->kind != VERR_NONE);
	char inner[sizeof(e->msg)];
	memcpy(inner, e->msg, sizeof(inner));
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		e->msg[0] = '\0';
	size_t used = strlen(e->msg);
	if (used < sizeof(e->msg) - 1)
		snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", inner);
	return -1;
}

const char *
verr_kind_text(enum verr_kind kind)
{
	assert(kind >= 0 && kind < VERR_KINDS);
	return kind_text[kind];
}
