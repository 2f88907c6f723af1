/* The const table of routes, and which of them a request means. */
#include <stdio.h>
#include <string.h>

#include "poison.h"
#include "route.h"
#include "ulid.h"

/* One segment of a path: up to '/' or the end. */
static size_t
segment(const char *s)
{
	return strcspn(s, "/");
}

static bool
capture(struct route_match *m, const char *name, size_t name_len,
	const char *value, size_t value_len)
{
	struct route_capture *c = &m->capture[m->captures];
	if (m->captures == ROUTE_CAPTURES_MAX || value_len == 0 ||
		value_len >= sizeof(c->value) || name_len >= sizeof(c->name))
		return false;
	memcpy(c->name, name, name_len);
	c->name[name_len] = '\0';
	memcpy(c->value, value, value_len);
	c->value[value_len] = '\0';
	m->captures++;
	return strcmp(c->name, "id") != 0 || ulid_valid(c->value);
}

static bool
fits(const char *pattern, const char *path, struct route_match *m)
{
	m->captures = 0;
	for (;;) {
		if (*pattern != '/' || *path != '/')
			return *pattern == '\0' && *path == '\0';
		pattern++;
		path++;
		size_t want = segment(pattern), have = segment(path);
		if (*pattern == ':') {
			if (!capture(m, pattern + 1, want - 1, path, have))
				return false;
		} else if (want != have || memcmp(pattern, path, want) != 0) {
			return false;
		}
		pattern += want;
		path += have;
	}
}

static void
allow(struct route_match *m, enum method method)
{
	const char *word = method_text(method);
	size_t n = strlen(m->allow);
	for (const char *p = m->allow; *p != '\0';) {
		size_t len = strcspn(p, ",");
		if (len == strlen(word) && memcmp(p, word, len) == 0)
			return;
		p += len;
		p += strspn(p, ", ");
	}
	snprintf(m->allow + n, sizeof(m->allow) - n, "%s%s", n > 0 ? ", " : "",
		word);
}

enum route_answer
route_find(const struct route *routes, size_t count, enum method method,
	const char *path, struct route_match *ret)
{
	enum method wanted = method == METHOD_HEAD ? METHOD_GET : method;
	*ret = (struct route_match){0};
	for (size_t i = 0; i < count; i++) {
		if (!fits(routes[i].pattern, path, ret))
			continue;
		if (routes[i].method == wanted) {
			ret->route = &routes[i];
			return ROUTE_FOUND;
		}
		allow(ret, routes[i].method);
		if (routes[i].method == METHOD_GET)
			allow(ret, METHOD_HEAD);
	}
	ret->captures = 0;
	return ret->allow[0] != '\0' ? ROUTE_NOT_ALLOWED : ROUTE_NOT_FOUND;
}

const char *
route_captured(const struct route_match *m, const char *name)
{
	for (size_t i = 0; i < m->captures; i++)
		if (strcmp(m->capture[i].name, name) == 0)
			return m->capture[i].value;
	return "";
}

static bool
pattern_valid(const char *p)
{
	size_t captures = 0;
	if (*p != '/')
		return false;
	if (p[1] == '\0')
		return true;
	while (*p == '/') {
		size_t n = segment(++p);
		if (n == 0)
			return false;
		if (*p == ':' && (n < 2 || n > 15))
			return false;
		captures += *p == ':';
		p += n;
	}
	return captures <= ROUTE_CAPTURES_MAX;
}

int
route_check(const struct route *routes, size_t count, struct verr *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct route *r = &routes[i];
		if (!pattern_valid(r->pattern) || r->serve == NULL ||
			r->method >= METHOD_OTHER || r->method == METHOD_HEAD)
			return verr_set(e, VERR_BUG, 0,
				"route %zu (%s) is not well formed", i,
				r->pattern);
		for (size_t k = 0; k < i; k++)
			if (routes[k].method == r->method &&
				strcmp(routes[k].pattern, r->pattern) == 0)
				return verr_set(e, VERR_BUG, 0,
					"route %s stands twice", r->pattern);
	}
	return 0;
}
