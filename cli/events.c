/* Server-sent events: https://html.spec.whatwg.org/#event-stream-parsing */
#include <string.h>

#include "events.h"
#include "poison.h"

void
events_init(struct events *s)
{
	*s = (struct events){0};
	buf_init(&s->line, EVENTS_LINE_BYTES);
	buf_init(&s->data, EVENTS_DATA_BYTES);
}

void
events_done(struct events *s)
{
	buf_done(&s->line);
	buf_done(&s->data);
}

static int
add_data(struct events *s, const char *value, size_t n, struct verr *e)
{
	if (s->has_data && buf_addc(&s->data, '\n', e) == -1)
		return -1;
	s->has_data = true;
	return buf_add(&s->data, value, n, e);
}

static bool
is_field(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(line, name, n) == 0;
}

/* One line that is not blank; fields that a client may ignore are. */
static int
take_field(struct events *s, struct verr *e)
{
	const char *line = buf_text(&s->line);
	size_t len = s->line.len;
	const char *colon = memchr(line, ':', len);
	size_t n = colon != NULL ? (size_t)(colon - line) : len;
	const char *value = colon != NULL ? colon + 1 : line + len;
	size_t value_len = len - (size_t)(value - line);
	if (value_len > 0 && *value == ' ') {
		value++;
		value_len--;
	}
	if (is_field(line, n, "data"))
		return add_data(s, value, value_len, e);
	if (is_field(line, n, "event")) {
		if (value_len >= sizeof(s->name))
			return verr_set(e, VERR_LIMIT, 0,
				"name of an event longer than %zu bytes",
				sizeof(s->name) - 1);
		memcpy(s->name, value, value_len);
		s->name[value_len] = '\0';
	}
	return 0;
}

/* A blank line: 1 when there was data to give out. */
static int
dispatch(struct events *s, struct event *ret)
{
	s->given = true;
	if (!s->has_data)
		return 0;
	*ret = (struct event){.name = s->name[0] != '\0' ? s->name : "message",
		.data = buf_text(&s->data),
		.len = s->data.len};
	return 1;
}

/* The line is whole: 1 an event, 0 none yet. */
static int
end_line(struct events *s, struct event *ret, struct verr *e)
{
	static const char mark[] = "\xef\xbb\xbf";
	if (!s->begun && s->line.len >= 3 && memcmp(s->line.data, mark, 3) == 0)
		buf_drop(&s->line, 3);
	s->begun = true;
	if (s->line.len == 0)
		return dispatch(s, ret);
	int r = take_field(s, e);
	buf_reset(&s->line);
	return r;
}

static void
forget_event(struct events *s)
{
	s->given = false;
	s->has_data = false;
	s->name[0] = '\0';
	buf_reset(&s->data);
}

int
events_feed(struct events *s, const char **p, size_t *n, struct event *ret,
	struct verr *e)
{
	while (*n > 0) {
		if (s->given)
			forget_event(s);
		size_t text = 0;
		while (text < *n && (*p)[text] != '\n' && (*p)[text] != '\r')
			text++;
		if (text > 0) {
			s->after_cr = false;
			if (buf_add(&s->line, *p, text, e) == -1)
				return verr_wrap(e, "line of an event stream");
			*p += text;
			*n -= text;
			continue;
		}
		char end = *(*p)++;
		(*n)--;
		bool second = s->after_cr && end == '\n';
		s->after_cr = end == '\r';
		if (second)
			continue;
		int r = end_line(s, ret, e);
		if (r != 0)
			return r;
	}
	return 0;
}
