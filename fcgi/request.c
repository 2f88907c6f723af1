/* One HTTP request as its CGI or FastCGI parameters tell it. */
#include <string.h>
#include <strings.h>

#include "num.h"
#include "poison.h"
#include "request.h"
#include "utf8.h"

static const char *const methods[METHOD_COUNT] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_DELETE] = "DELETE",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "?",
};

const char *
method_text(enum method m)
{
	return methods[m];
}

enum method
method_parse(const char *text)
{
	for (int m = 0; m < METHOD_OTHER; m++)
		if (strcmp(methods[m], text) == 0)
			return (enum method)m;
	return METHOD_OTHER;
}

/* What is read of the parameters, and the most bytes each may have. */
enum known {
	K_METHOD,
	K_URI,
	K_PATH_INFO,
	K_QUERY,
	K_TYPE,
	K_LENGTH,
	K_COOKIE,
	K_AUTHORIZATION,
	K_ORIGIN,
	K_HOST,
	K_FETCH_SITE,
	K_ACCEPT,
	K_IDEMPOTENCY,
	K_CSRF,
	K_EVENT_ID,
	K_AGENT,
	K_ADDR,
	K_HTTPS,
	K_COUNT
};

static const struct {
	const char *name;
	const char *header; /* as the client knows it */
	size_t max;
} known[K_COUNT] = {
	[K_METHOD] = {"REQUEST_METHOD", "method", 32},
	[K_URI] = {"REQUEST_URI", "request target",
		REQUEST_PATH_BYTES + REQUEST_QUERY_BYTES},
	[K_PATH_INFO] = {"PATH_INFO", "path", REQUEST_PATH_BYTES},
	[K_QUERY] = {"QUERY_STRING", "query", REQUEST_QUERY_BYTES},
	[K_TYPE] = {"CONTENT_TYPE", "Content-Type", 512},
	[K_LENGTH] = {"CONTENT_LENGTH", "Content-Length", 20},
	[K_COOKIE] = {"HTTP_COOKIE", "Cookie", 8192},
	[K_AUTHORIZATION] = {"HTTP_AUTHORIZATION", "Authorization", 512},
	[K_ORIGIN] = {"HTTP_ORIGIN", "Origin", 512},
	[K_HOST] = {"HTTP_HOST", "Host", 256},
	[K_FETCH_SITE] = {"HTTP_SEC_FETCH_SITE", "Sec-Fetch-Site", 32},
	[K_ACCEPT] = {"HTTP_ACCEPT", "Accept", 2048},
	[K_IDEMPOTENCY] = {"HTTP_IDEMPOTENCY_KEY", "Idempotency-Key", 128},
	[K_CSRF] = {"HTTP_X_CSRF_TOKEN", "X-CSRF-Token", 256},
	[K_EVENT_ID] = {"HTTP_LAST_EVENT_ID", "Last-Event-ID", 128},
	[K_AGENT] = {"HTTP_USER_AGENT", "User-Agent", 2048},
	[K_ADDR] = {"REMOTE_ADDR", "REMOTE_ADDR", 64},
	[K_HTTPS] = {"HTTPS", "HTTPS", 16},
};

static int
known_index(const char *name, size_t len)
{
	for (int k = 0; k < K_COUNT; k++)
		if (strncmp(known[k].name, name, len) == 0 &&
			known[k].name[len] == '\0')
			return k;
	return -1;
}

/* No control characters; bytes above 0x7f are judged where it matters. */
static bool
printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

static int
keep(const char **values, int k, const char *value, struct verr *e)
{
	if (values[k] != NULL)
		return verr_set(e, VERR_INPUT, 0,
			"%s: sent twice; send it once", known[k].header);
	if (strlen(value) > known[k].max)
		return verr_set(e, VERR_LIMIT, 0, "%s: longer than %zu bytes",
			known[k].header, known[k].max);
	if (!printable(value))
		return verr_set(e, VERR_INPUT, 0,
			"%s: holds a control character", known[k].header);
	values[k] = value;
	return 0;
}

static int
collect(char *const *envp, const char **values, struct verr *e)
{
	size_t count = 0;
	for (; *envp != NULL; envp++) {
		if (++count > REQUEST_PARAMS_MAX)
			return verr_set(e, VERR_LIMIT, 0,
				"more than %d headers and parameters",
				REQUEST_PARAMS_MAX);
		const char *p = *envp;
		if (strnlen(p, REQUEST_PARAM_BYTES + 1) > REQUEST_PARAM_BYTES)
			return verr_set(e, VERR_LIMIT, 0,
				"a header or parameter of more than %d bytes",
				REQUEST_PARAM_BYTES);
		const char *eq = strchr(p, '=');
		if (eq == NULL || eq == p)
			return verr_set(e, VERR_INPUT, 0,
				"a parameter without a name or '='");
		int k = known_index(p, (size_t)(eq - p));
		if (k >= 0 && keep(values, k, eq + 1, e) == -1)
			return -1;
	}
	return 0;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
percent_decode(struct arena *a, const char *text, size_t len,
	bool plus_is_space, const char **ret, struct verr *e)
{
	char *out = arena_bytes(a, text, len);
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '%') {
			int hi = i + 2 < len ? hex_value(text[i + 1]) : -1;
			int lo = i + 2 < len ? hex_value(text[i + 2]) : -1;
			if (hi < 0 || lo < 0)
				return verr_set(e, VERR_INPUT, 0,
					"'%%' without two hexadecimal digits");
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return verr_set(e, VERR_INPUT, 0, "holds a NUL");
		out[n++] = c;
	}
	out[n] = '\0';
	if (!utf8_valid(out, n))
		return verr_set(e, VERR_INPUT, 0, "is not UTF-8");
	*ret = out;
	return 0;
}

static int
check_path(const char *path, struct verr *e)
{
	if (path[0] != '/')
		return verr_set(e, VERR_INPUT, 0, "path: must begin with '/'");
	if (strlen(path) > REQUEST_PATH_BYTES)
		return verr_set(e, VERR_LIMIT, 0, "path: longer than %d bytes",
			REQUEST_PATH_BYTES);
	if (!utf8_valid(path, strlen(path)))
		return verr_set(e, VERR_INPUT, 0, "path: is not UTF-8");
	for (const char *p = path; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		if (c < 0x20 || c == 0x7f || c == '\\')
			return verr_set(e, VERR_INPUT, 0,
				"path: holds '\\' or a control character");
		if (c != '/' || p[1] != '.')
			continue;
		size_t dots = strspn(p + 1, ".");
		if (dots <= 2 &&
			(p[1 + dots] == '/' || p[1 + dots] == '\0' ||
				p[1 + dots] == ';'))
			return verr_set(e, VERR_INPUT, 0,
				"path: holds a '.' or '..' segment");
	}
	return 0;
}

static int
parse_target(struct arena *a, const char **v, struct request *r, struct verr *e)
{
	if (v[K_URI] == NULL || v[K_URI][0] == '\0') {
		if (v[K_PATH_INFO] == NULL)
			return verr_set(e, VERR_INPUT, 0,
				"neither REQUEST_URI nor PATH_INFO was given");
		r->path = v[K_PATH_INFO];
		r->query = v[K_QUERY] != NULL ? v[K_QUERY] : "";
		return check_path(r->path, e);
	}
	const char *uri = v[K_URI];
	size_t n = strcspn(uri, "?#");
	if (uri[n] == '#')
		return verr_set(
			e, VERR_INPUT, 0, "request target: holds a fragment");
	if (n > REQUEST_PATH_BYTES)
		return verr_set(e, VERR_LIMIT, 0, "path: longer than %d bytes",
			REQUEST_PATH_BYTES);
	r->query = uri[n] == '?' ? uri + n + 1 : "";
	if (strlen(r->query) > REQUEST_QUERY_BYTES)
		return verr_set(e, VERR_LIMIT, 0, "query: longer than %d bytes",
			REQUEST_QUERY_BYTES);
	if (percent_decode(a, uri, n, false, &r->path, e) == -1)
		return verr_wrap(e, "path");
	return check_path(r->path, e);
}

static bool
token68(const char *s)
{
	size_t n = strspn(s,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789-._~+/");
	return n > 0 && s[n + strspn(s + n, "=")] == '\0';
}

static int
parse_bearer(const char *value, struct request *r, struct verr *e)
{
	if (value == NULL)
		return 0;
	if (strncasecmp(value, "Bearer ", 7) != 0)
		return verr_set(e, VERR_INPUT, 0,
			"Authorization: only 'Bearer <key>' is understood");
	value += 7 + strspn(value + 7, " ");
	if (!token68(value))
		return verr_set(e, VERR_INPUT, 0,
			"Authorization: the key has characters that no key "
			"has");
	r->bearer = value;
	return 0;
}

static int
check_idempotency(const char *key, struct verr *e)
{
	if (key == NULL)
		return 0;
	for (const char *p = key; *p != '\0'; p++)
		if (*p <= ' ' || (unsigned char)*p >= 0x7f)
			key = "";
	if (*key == '\0')
		return verr_set(e, VERR_INPUT, 0,
			"Idempotency-Key: 1 to 128 printable characters "
			"without blanks");
	return 0;
}

/* An empty parameter is how a server says that there was no such header. */
static const char *
unless_empty(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

int
request_parse(struct arena *a, char *const *envp, uint64_t body_max,
	struct request *ret, struct verr *e)
{
	const char *v[K_COUNT] = {0};
	struct request r = {0};
	if (collect(envp, v, e) == -1)
		return -1;
	if (v[K_METHOD] == NULL)
		return verr_set(e, VERR_INPUT, 0, "REQUEST_METHOD is missing");
	r.method = method_parse(v[K_METHOD]);
	if (parse_target(a, v, &r, e) == -1 ||
		parse_bearer(unless_empty(v[K_AUTHORIZATION]), &r, e) == -1)
		return -1;
	r.idempotency_key = unless_empty(v[K_IDEMPOTENCY]);
	if (check_idempotency(r.idempotency_key, e) == -1)
		return -1;
	if (unless_empty(v[K_LENGTH]) != NULL) {
		if (num_u64s(v[K_LENGTH], 0, UINT64_MAX, "Content-Length",
			    &r.content_length, e) == -1)
			return -1;
		if (r.content_length > body_max)
			return verr_set(e, VERR_LIMIT, 0,
				"Content-Length: more than %llu bytes",
				(unsigned long long)body_max);
		r.has_length = true;
	}
	r.content_type = unless_empty(v[K_TYPE]);
	r.cookies = unless_empty(v[K_COOKIE]);
	r.origin = unless_empty(v[K_ORIGIN]);
	r.host = unless_empty(v[K_HOST]);
	r.fetch_site = unless_empty(v[K_FETCH_SITE]);
	r.accept = unless_empty(v[K_ACCEPT]);
	r.csrf = unless_empty(v[K_CSRF]);
	r.last_event_id = unless_empty(v[K_EVENT_ID]);
	r.user_agent = unless_empty(v[K_AGENT]);
	r.remote_addr = unless_empty(v[K_ADDR]);
	const char *https = unless_empty(v[K_HTTPS]);
	r.https = https != NULL && strcasecmp(https, "off") != 0;
	*ret = r;
	return 0;
}

/* cookie-octet of RFC 6265 4.1.1. */
static bool
cookie_value(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' ||
			c == ';' || c == '\\')
			return false;
	}
	return true;
}

int
request_cookie(const struct request *r, struct arena *a, const char *name,
	const char **ret, struct verr *e)
{
	size_t name_len = strlen(name);
	const char *found = NULL;
	size_t found_len = 0;
	for (const char *p = r->cookies; p != NULL && *p != '\0';) {
		p += strspn(p, "; \t");
		size_t n = strcspn(p, ";");
		if (n > name_len && strncmp(p, name, name_len) == 0 &&
			p[name_len] == '=') {
			if (found != NULL)
				return verr_set(e, VERR_INPUT, 0,
					"cookie %s: sent twice; clear the "
					"cookies of this site",
					name);
			found = p + name_len + 1;
			found_len = n - name_len - 1;
		}
		p += n;
	}
	if (found == NULL)
		return 0;
	while (found_len > 0 && found[found_len - 1] == ' ')
		found_len--;
	if (!cookie_value(found, found_len))
		return verr_set(e, VERR_INPUT, 0,
			"cookie %s: characters that no cookie has", name);
	*ret = arena_bytes(a, found, found_len);
	return 1;
}

bool
request_has_type(const struct request *r, const char *media_type)
{
	if (r->content_type == NULL)
		return false;
	size_t n = strcspn(r->content_type, "; \t");
	return n == strlen(media_type) &&
		strncasecmp(r->content_type, media_type, n) == 0;
}
