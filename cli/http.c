/*
 * HTTP to one Vulcan, by libcurl. The multi interface is used for its poll,
 * which also watches a descriptor that interrupts.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http.h"
#include "poison.h"

struct http {
	const struct connect *to;
	CURLM *multi;
	CURL *easy;
	int cancel_fd;
	/* The request under way. */
	const struct http_request *request;
	struct buf *body;
	bool failed; /* in a callback; error says how */
	struct verr error;
	char curl_text[CURL_ERROR_SIZE];
};

struct http *
http_new(const struct connect *to, struct verr *e)
{
	struct http *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		verr_set(e, VERR_HOST, ENOMEM, "HTTP client");
		return NULL;
	}
	h->to = to;
	h->cancel_fd = -1;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (h->multi == NULL || h->easy == NULL) {
		verr_set(e, VERR_HOST, 0, "libcurl does not start");
		http_free(h);
		return NULL;
	}
	return h;
}

void
http_free(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	free(h);
}

void
http_cancel_by(struct http *h, int fd)
{
	h->cancel_fd = fd;
}

static size_t
on_bytes(char *data, size_t one, size_t count, void *user)
{
	struct http *h = user;
	size_t n = one * count;
	long status = 0;
	int r;
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (h->request->take != NULL && status == 200)
		r = h->request->take(h->request->user, data, n, &h->error);
	else
		r = buf_add(h->body, data, n, &h->error);
	if (r == -1)
		h->failed = true;
	return r == -1 ? CURL_WRITEFUNC_ERROR : n;
}

static int
add_header(struct curl_slist **list, const char *line, struct verr *e)
{
	struct curl_slist *longer = curl_slist_append(*list, line);
	if (longer == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "HTTP header");
	*list = longer;
	return 0;
}

static int
headers(const struct http *h, struct curl_slist **list, struct verr *e)
{
	char key[CONNECT_TOKEN_BYTES + 32];
	const struct http_request *r = h->request;
	const char *accept = r->take != NULL
		? "Accept: text/event-stream, application/problem+json"
		: "Accept: application/json";
	if (add_header(list, accept, e) == -1)
		return -1;
	if (h->to->token[0] != '\0') {
		snprintf(key, sizeof(key), "Authorization: Bearer %s",
			h->to->token);
		if (add_header(list, key, e) == -1)
			return -1;
	}
	/* Without a wait for "100 Continue", which costs a second. */
	if (r->body != NULL &&
		(add_header(list, "Content-Type: application/json", e) == -1 ||
			add_header(list, "Expect:", e) == -1))
		return -1;
	return r->header != NULL ? add_header(list, r->header, e) : 0;
}

static void
set_options(struct http *h, const char *url, struct curl_slist *list)
{
	CURL *c = h->easy;
	const struct http_request *r = h->request;
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "vulcan/" VULCAN_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_text);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, r->timeout_ms);
	/* A proxy of the environment does not know this machine's loopback. */
	if (connect_is_local(h->to->url))
		curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (r->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, buf_text(r->body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)r->body->len);
	}
	if (r->method != NULL)
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

/* Drives the transfer: 1 over, 0 interrupted, -1. */
static int
drive(struct http *h, CURLcode *ret_code, struct verr *e)
{
	for (;;) {
		int running = 0, left = 0;
		CURLMcode m = curl_multi_perform(h->multi, &running);
		CURLMsg *message = curl_multi_info_read(h->multi, &left);
		if (message != NULL && message->msg == CURLMSG_DONE) {
			*ret_code = message->data.result;
			return 1;
		}
		struct curl_waitfd cancel = {
			.fd = h->cancel_fd, .events = CURL_WAIT_POLLIN};
		unsigned extra = h->cancel_fd != -1;
		if (m == CURLM_OK)
			m = curl_multi_poll(
				h->multi, &cancel, extra, 1000, NULL);
		if (m != CURLM_OK)
			return verr_set(e, VERR_HOST, 0, "libcurl: %s",
				curl_multi_strerror(m));
		if (extra && cancel.revents != 0)
			return 0;
	}
}

static int
perform(struct http *h, long *ret_status, struct verr *e)
{
	CURLcode code = CURLE_OK;
	if (curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return verr_set(e, VERR_HOST, 0, "libcurl takes no request");
	int r = drive(h, &code, e);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, ret_status);
	curl_multi_remove_handle(h->multi, h->easy);
	if (r != 1)
		return r;
	if (h->failed) {
		*e = h->error;
		return -1;
	}
	if (code != CURLE_OK)
		return verr_set(e, VERR_HOST, 0, "%s: %s", h->to->url,
			h->curl_text[0] != '\0' ? h->curl_text
						: curl_easy_strerror(code));
	return 1;
}

int
http_send(struct http *h, const struct http_request *r, long *ret_status,
	struct buf *body, struct verr *e)
{
	char url[CONNECT_URL_BYTES + 4096];
	int n = snprintf(url, sizeof(url), "%s%s", h->to->url, r->path);
	if (n < 0 || (size_t)n >= sizeof(url))
		return verr_set(e, VERR_INPUT, 0, "the request is too long");
	h->request = r;
	h->body = body;
	h->failed = false;
	h->curl_text[0] = '\0';
	buf_reset(body);
	struct curl_slist *list = NULL;
	int done = headers(h, &list, e);
	if (done == 0) {
		set_options(h, url, list);
		done = perform(h, ret_status, e);
	}
	curl_slist_free_all(list);
	return done;
}
