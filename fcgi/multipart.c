/*
 * multipart/form-data, pushed in piece by piece.
 *
 * The boundary mark is "\r\n--boundary". In a part's body, bytes that match
 * the start of the mark are held back (as a count: they are known) until they
 * turn out to be data or the mark. No proper prefix of the mark but the empty
 * one begins with CR again, since a boundary has no CR; so after a mismatch
 * only the byte at hand can start a new match. The preamble is read as if a
 * CRLF stood before it.
 */
#include <string.h>
#include <strings.h>

#include "multipart.h"
#include "poison.h"
#include "utf8.h"

struct multipart_name {
	struct multipart_name *next;
	uint64_t hash;
	const char *text;
};

static int
refuse(struct multipart *m, struct verr *e, const char *why)
{
	m->state = MULTIPART_FAILED;
	return verr_set(e, VERR_INPUT, 0, "multipart body: %s", why);
}

/*
 * One parameter of a header, `; name=token` or `; name="quoted"`, from *p on:
 * 1 and its name and value, 0 at the end, -1 when it is malformed. In quotes
 * only \" and \\ are escapes (RFC 7578 4.2 leaves it open; browsers send %22,
 * and old ones a bare '\' of a Windows path).
 */
struct header_param {
	const char *name;
	size_t name_len;
	char *value;
	size_t value_len;
};

static bool
token_char(char c)
{
	return (unsigned char)c > 0x20 && (unsigned char)c < 0x7f &&
		strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static const char *
blanks(const char *p)
{
	return p + strspn(p, " \t");
}

static int
quoted_value(struct arena *a, const char **p, struct header_param *ret)
{
	const char *s = *p + 1;
	ret->value = arena_strdup(a, s);
	size_t n = 0;
	for (; *s != '"'; s++) {
		if (*s == '\0')
			return -1;
		if (*s == '\\' && (s[1] == '"' || s[1] == '\\'))
			s++;
		ret->value[n++] = *s;
	}
	ret->value[n] = '\0';
	ret->value_len = n;
	*p = s + 1;
	return 1;
}

static int
next_param(struct arena *a, const char **p, struct header_param *ret)
{
	const char *s = blanks(*p);
	if (*s == '\0')
		return 0;
	if (*s != ';')
		return -1;
	s = blanks(s + 1);
	if (*s == '\0') {
		*p = s;
		return 0;
	}
	ret->name = s;
	while (token_char(*s))
		s++;
	ret->name_len = (size_t)(s - ret->name);
	if (ret->name_len == 0 || *s != '=')
		return -1;
	*p = s + 1;
	if (s[1] == '"')
		return quoted_value(a, p, ret);
	s++;
	while (token_char(*s))
		s++;
	ret->value_len = (size_t)(s - *p);
	if (ret->value_len == 0)
		return -1;
	ret->value = arena_bytes(a, *p, ret->value_len);
	*p = s;
	return 1;
}

static bool
param_is(const struct header_param *p, const char *name)
{
	return strlen(name) == p->name_len &&
		strncasecmp(p->name, name, p->name_len) == 0;
}

/* bchars of RFC 2046 5.1.1; the last is no blank. */
static bool
boundary_valid(const char *b, size_t n)
{
	if (n == 0 || n > MULTIPART_BOUNDARY_MAX || b[n - 1] == ' ')
		return false;
	return strspn(b,
		       "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		       "0123456789'()+_,-./:=? ") == n;
}

static int
find_boundary(struct arena *a, const char *content_type, const char **ret,
	struct verr *e)
{
	static const char type[] = "multipart/form-data";
	size_t n = strcspn(content_type, "; \t");
	if (n != sizeof(type) - 1 || strncasecmp(content_type, type, n) != 0)
		return verr_set(e, VERR_INPUT, 0,
			"Content-Type: must be multipart/form-data");
	const char *p = content_type + n;
	const char *found = NULL;
	struct header_param param;
	int r;
	while ((r = next_param(a, &p, &param)) == 1) {
		if (!param_is(&param, "boundary"))
			continue;
		if (found != NULL)
			return verr_set(e, VERR_INPUT, 0,
				"Content-Type: two boundaries");
		if (!boundary_valid(param.value, param.value_len))
			return verr_set(e, VERR_INPUT, 0,
				"Content-Type: a boundary has 1 to %d letters, "
				"digits or '()+_,-./:=?",
				MULTIPART_BOUNDARY_MAX);
		found = param.value;
	}
	if (r == -1 || found == NULL)
		return verr_set(e, VERR_INPUT, 0, "Content-Type: %s",
			r == -1 ? "is malformed" : "the boundary is missing");
	*ret = found;
	return 0;
}

int
multipart_init(struct multipart *m, struct arena *a, const char *content_type,
	const struct multipart_limits *limits,
	const struct multipart_sink *sink, void *arg, struct verr *e)
{
	const char *boundary = "";
	*m = (struct multipart){.state = MULTIPART_FAILED};
	if (find_boundary(a, content_type, &boundary, e) == -1)
		return -1;
	m->arena = a;
	m->sink = sink;
	m->arg = arg;
	m->limits = *limits;
	m->state = MULTIPART_PREAMBLE;
	memcpy(m->mark, "\r\n--", 4);
	m->mark_len = 4 + strlen(boundary);
	memcpy(m->mark + 4, boundary, m->mark_len - 3);
	m->matched = 2;
	buf_init(&m->head, MULTIPART_HEADER_BYTES);
	return 0;
}

void
multipart_done(struct multipart *m)
{
	if (m == NULL)
		return;
	buf_done(&m->head);
	m->state = MULTIPART_FAILED;
}

static bool
remember(struct multipart *m, const char *name)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	for (const char *p = name; *p != '\0'; p++)
		hash = (hash ^ (unsigned char)*p) * UINT64_C(1099511628211);
	for (struct multipart_name *n = m->names; n != NULL; n = n->next)
		if (n->hash == hash && strcmp(n->text, name) == 0)
			return true;
	struct multipart_name *add = arena_alloc(m->arena, sizeof(*add));
	*add = (struct multipart_name){m->names, hash, name};
	m->names = add;
	return false;
}

static int
take_disposition(struct multipart *m, const char *value,
	struct multipart_part *part, struct verr *e)
{
	size_t n = strcspn(value, "; \t");
	if (n != 9 || strncasecmp(value, "form-data", 9) != 0)
		return refuse(m, e, "a part that is not form-data");
	const char *p = value + n;
	struct header_param param;
	int r;
	while ((r = next_param(m->arena, &p, &param)) == 1) {
		const char **to = NULL;
		if (param_is(&param, "name"))
			to = &part->name;
		else if (param_is(&param, "filename"))
			to = &part->filename;
		else if (param_is(&param, "filename*"))
			return refuse(m, e,
				"filename* has no place in a form "
				"(RFC 7578 4.2); send filename");
		else
			continue;
		if (*to != NULL)
			return refuse(m, e, "a part with two names");
		if (param.value_len > MULTIPART_NAME_BYTES)
			return refuse(m, e, "a name of more than 256 bytes");
		*to = param.value;
	}
	return r == -1 ? refuse(m, e, "Content-Disposition is malformed") : 0;
}

static bool
header_is(const char *line, const char *colon, const char *name)
{
	return (size_t)(colon - line) == strlen(name) &&
		strncasecmp(line, name, strlen(name)) == 0;
}

static int
take_header(struct multipart *m, const char *line, bool *seen,
	struct multipart_part *part, struct verr *e)
{
	const char *colon = strchr(line, ':');
	if (colon == NULL || colon == line)
		return refuse(m, e, "a header line without a name");
	for (const char *p = line; p < colon; p++)
		if (!token_char(*p))
			return refuse(m, e, "a malformed header line");
	const char *value = blanks(colon + 1);
	if (header_is(line, colon, "Content-Disposition")) {
		if (*seen)
			return refuse(m, e, "Content-Disposition twice");
		*seen = true;
		return take_disposition(m, value, part, e);
	}
	if (header_is(line, colon, "Content-Type")) {
		if (part->content_type != NULL)
			return refuse(m, e, "Content-Type twice");
		part->content_type = value;
	}
	if (header_is(line, colon, "Content-Transfer-Encoding") &&
		strcasecmp(value, "binary") != 0 &&
		strcasecmp(value, "8bit") != 0 &&
		strcasecmp(value, "7bit") != 0)
		return refuse(m, e,
			"Content-Transfer-Encoding is not understood "
			"(RFC 7578 4.7)");
	return 0;
}

/* The lines of m->head, which ends with CRLF CRLF, or is CRLF alone. */
static int
begin_part(struct multipart *m, struct verr *e)
{
	struct multipart_part part = {0};
	bool seen = false;
	size_t len = m->head.len - 2;
	char *head = arena_bytes(m->arena, m->head.data, len);
	if (memchr(head, '\0', len) != NULL)
		return refuse(m, e, "a NUL in the headers of a part");
	if (!utf8_valid(head, len))
		return refuse(m, e, "headers of a part that are not UTF-8");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)head[i];
		if (c == '\r' && head[i + 1] == '\n')
			i++;
		else if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(m, e,
				"a control character in the headers of a part");
	}
	for (char *line = head; *line != '\0';) {
		char *end = strstr(line, "\r\n");
		*end = '\0';
		if (take_header(m, line, &seen, &part, e) == -1)
			return -1;
		line = end + 2;
	}
	if (part.name == NULL)
		return refuse(m, e, "a part without a name");
	if (++m->parts > m->limits.parts_max) {
		m->state = MULTIPART_FAILED;
		return verr_set(e, VERR_LIMIT, 0,
			"multipart body: more than %zu parts",
			m->limits.parts_max);
	}
	part.repeated = remember(m, part.name);
	buf_reset(&m->head);
	m->matched = 0;
	m->state = MULTIPART_BODY;
	return m->sink->part_begin(m->arg, &part, e);
}

/* What follows a boundary: "--" for the last, or blanks and CRLF. */
static int
after_boundary(struct multipart *m, char c, struct verr *e)
{
	if (m->tail_len == 0 && (c == ' ' || c == '\t')) {
		/* transport padding of RFC 2046, a sender must not add it. */
		m->padding = true;
		return 0;
	}
	m->tail[m->tail_len++] = c;
	bool last = m->tail[0] == '-' && !m->padding;
	const char *want = last ? "--" : "\r\n";
	if (c != want[m->tail_len - 1])
		return refuse(m, e, "garbage behind a boundary");
	if (m->tail_len < 2)
		return 0;
	m->tail_len = 0;
	m->padding = false;
	/* A part may have no header line: "\r\n" follows at once. */
	m->state = last ? MULTIPART_EPILOGUE : MULTIPART_HEADERS;
	return 0;
}

static int
header_byte(struct multipart *m, char c, struct verr *e)
{
	if (m->head.len == m->head.max) {
		m->state = MULTIPART_FAILED;
		return verr_set(e, VERR_LIMIT, 0,
			"multipart body: headers of a part of more than %d "
			"bytes",
			MULTIPART_HEADER_BYTES);
	}
	if (buf_addc(&m->head, c, e) == -1)
		return -1;
	const char *d = m->head.data;
	size_t n = m->head.len;
	if (c != '\n')
		return 0;
	if (n == 2 && d[0] == '\r')
		return refuse(m, e, "a part without a name");
	if (n >= 4 && memcmp(d + n - 4, "\r\n\r\n", 4) == 0)
		return begin_part(m, e);
	return 0;
}

static int
data_out(struct multipart *m, const char *p, size_t n, struct verr *e)
{
	/* The preamble is nobody's. */
	if (n == 0 || m->state == MULTIPART_PREAMBLE)
		return 0;
	return m->sink->part_data(m->arg, p, n, e);
}

static int
mark_found(struct multipart *m, struct verr *e)
{
	bool body = m->state == MULTIPART_BODY;
	m->matched = 0;
	m->state = MULTIPART_AFTER_BOUNDARY;
	return body ? m->sink->part_end(m->arg, e) : 0;
}

/*
 * Body or preamble: how many bytes were used in *ret, which is all of them or
 * up to the end of a mark.
 */
static int
body_bytes(struct multipart *m, const char *p, size_t n, size_t *ret,
	struct verr *e)
{
	size_t start = 0, i = 0;
	while (i < n) {
		if (m->matched == 0) {
			const char *cr = memchr(p + i, '\r', n - i);
			i = cr != NULL ? (size_t)(cr - p) : n;
			if (data_out(m, p + start, i - start, e) == -1)
				return -1;
			if (cr == NULL)
				break;
		}
		if (p[i] == m->mark[m->matched]) {
			start = ++i;
			if (++m->matched == m->mark_len) {
				*ret = i;
				return mark_found(m, e);
			}
			continue;
		}
		size_t held = m->matched;
		m->matched = 0;
		if (data_out(m, m->mark, held, e) == -1)
			return -1;
		start = i;
	}
	*ret = n;
	return 0;
}

static int
step(struct multipart *m, const char *p, size_t n, size_t *used, struct verr *e)
{
	*used = 1;
	switch (m->state) {
	case MULTIPART_PREAMBLE:
	case MULTIPART_BODY:
		return body_bytes(m, p, n, used, e);
	case MULTIPART_AFTER_BOUNDARY:
		return after_boundary(m, *p, e);
	case MULTIPART_HEADERS:
		return header_byte(m, *p, e);
	case MULTIPART_EPILOGUE:
		*used = n;
		return 0;
	case MULTIPART_FAILED:
		break;
	}
	return verr_set(e, VERR_BUG, 0, "multipart body: fed after its error");
}

int
multipart_feed(struct multipart *m, const void *data, size_t n, struct verr *e)
{
	const char *p = data;
	m->bytes += n;
	if (m->bytes > m->limits.bytes_max) {
		m->state = MULTIPART_FAILED;
		return verr_set(e, VERR_LIMIT, 0,
			"multipart body: more than %llu bytes",
			(unsigned long long)m->limits.bytes_max);
	}
	while (n > 0) {
		size_t used;
		if (step(m, p, n, &used, e) == -1) {
			m->state = MULTIPART_FAILED;
			return -1;
		}
		p += used;
		n -= used;
	}
	return 0;
}

int
multipart_end(struct multipart *m, struct verr *e)
{
	if (m->state == MULTIPART_EPILOGUE)
		return 0;
	return refuse(m, e, "it ends before its closing boundary");
}
