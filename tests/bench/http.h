/* Reads HTTP/1.1 answers as their bytes come, for the load generators. */
#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum http_state {
	HTTP_STATUS,
	HTTP_HEAD,
	HTTP_LENGTH, /* left bytes of body */
	HTTP_SIZE, /* the line with a chunk's size */
	HTTP_CHUNK, /* left bytes of a chunk and its line end */
	HTTP_TRAILER,
	HTTP_CLOSE, /* body until the connection ends */
	HTTP_DONE
};

/* One answer; all zero is the start. Long lines are cut, never overrun. */
struct http {
	enum http_state state;
	int status;
	bool chunked;
	bool has_length;
	bool closes; /* the server ends the connection after it */
	size_t left;
	size_t line_len;
	char line[256];
};

typedef void http_body(void *arg, const char *, size_t n);

static inline void
http_head_line(struct http *h)
{
	const char *l = h->line;
	if (strncasecmp(l, "Content-Length:", 15) == 0) {
		h->left = strtoul(l + 15, NULL, 10);
		h->has_length = true;
	} else if (strncasecmp(l, "Transfer-Encoding: chunked", 26) == 0) {
		h->chunked = true;
	} else if (strncasecmp(l, "Connection: close", 17) == 0) {
		h->closes = true;
	}
}

static inline enum http_state
http_after_head(const struct http *h)
{
	if (h->chunked)
		return HTTP_SIZE;
	if (!h->has_length)
		return h->status == 204 || h->status == 304 ? HTTP_DONE
							    : HTTP_CLOSE;
	return h->left == 0 ? HTTP_DONE : HTTP_LENGTH;
}

/* A whole line without its end. */
static inline void
http_line(struct http *h)
{
	h->line[h->line_len] = '\0';
	size_t n = h->line_len;
	h->line_len = 0;
	switch (h->state) {
	case HTTP_STATUS:
		h->status = n > 9 ? (int)strtol(h->line + 9, NULL, 10) : 0;
		h->state = HTTP_HEAD;
		return;
	case HTTP_HEAD:
		if (n == 0)
			h->state = http_after_head(h);
		else
			http_head_line(h);
		return;
	case HTTP_SIZE:
		h->left = strtoul(h->line, NULL, 16);
		h->state = h->left == 0 ? HTTP_TRAILER : HTTP_CHUNK;
		h->left += 2; /* the line end after the bytes */
		return;
	case HTTP_TRAILER:
		if (n == 0)
			h->state = HTTP_DONE;
		return;
	case HTTP_LENGTH:
	case HTTP_CHUNK:
	case HTTP_CLOSE:
	case HTTP_DONE:
		return;
	}
}

static inline size_t
http_bytes(struct http *h, const char *p, size_t n, http_body *body, void *arg)
{
	if (h->state == HTTP_CLOSE) {
		body(arg, p, n);
		return n;
	}
	size_t take = n < h->left ? n : h->left;
	size_t end = h->state == HTTP_CHUNK ? 2 : 0;
	size_t real = h->left > end ? h->left - end : 0;
	if (real > 0)
		body(arg, p, take < real ? take : real);
	h->left -= take;
	if (h->left == 0)
		h->state = h->state == HTTP_CHUNK ? HTTP_SIZE : HTTP_DONE;
	return take;
}

/* Takes what came; returns the bytes used, less than n only at HTTP_DONE. */
static inline size_t
http_take(struct http *h, const char *p, size_t n, http_body *body, void *arg)
{
	size_t at = 0;
	while (at < n && h->state != HTTP_DONE) {
		if (h->state == HTTP_LENGTH || h->state == HTTP_CHUNK ||
			h->state == HTTP_CLOSE) {
			at += http_bytes(h, p + at, n - at, body, arg);
			continue;
		}
		char c = p[at++];
		if (c == '\n')
			http_line(h);
		else if (c != '\r' && h->line_len < sizeof(h->line) - 1)
			h->line[h->line_len++] = c;
	}
	return at;
}

#endif
