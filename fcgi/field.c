/* Which field of a request was refused, and what would be right. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "poison.h"
#include "utf8.h"

/* Printable and well-formed, whatever came; cut at a whole character. */
static void
clean(char *out, size_t room, const char *s)
{
	size_t n = strlen(s), at = 0;
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)s[i];
		size_t step = utf8_step(s + i, n - i);
		bool shown = step > 0 && c >= 0x20 && c != 0x7f;
		size_t add = shown ? step : 1;
		if (at + add >= room)
			break;
		if (shown)
			memcpy(out + at, s + i, add);
		else
			out[at] = '?';
		at += add;
		i += step > 0 ? step : 1;
	}
	out[at] = '\0';
}

int
field_refuse(struct field_error *f, struct verr *e, const char *field,
	const char *fmt, ...)
{
	clean(f->field, sizeof(f->field), field);
	char text[sizeof(e->msg)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	char shown[sizeof(text)];
	clean(shown, sizeof(shown), text);
	if (f->field[0] == '\0')
		return verr_set(e, VERR_INPUT, 0, "%s", shown);
	return verr_set(e, VERR_INPUT, 0, "%s: %s", f->field, shown);
}

int
field_hint(struct field_error *f, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(f->hint, sizeof(f->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int
field_hint_names(struct field_error *f, const char *const *names)
{
	if (names == NULL || names[0] == NULL)
		return field_hint(f, "nothing is permitted here");
	size_t at = 0;
	for (size_t i = 0; names[i] != NULL && at < sizeof(f->hint); i++)
		at += (size_t)snprintf(f->hint + at, sizeof(f->hint) - at,
			"%s%s", i == 0 ? "permitted: " : ", ", names[i]);
	return -1;
}
