/* Which Vulcan to speak to, and with which key. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "connect.h"
#include "fd.h"
#include "poison.h"

/* A folder that may hold `url` and `admin-token` (or `token`). */
struct place {
	char folder[PATH_MAX];
	bool own; /* the user chose it, by name or as their home */
};

bool
connect_is_local(const char *url)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
	const char *host = strstr(url, "://");
	if (host == NULL)
		return false;
	host += 3;
	size_t n = strcspn(host, "/?#");
	if (memchr(host, '@', n) != NULL || memchr(host, '\\', n) != NULL)
		return false;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t m = strlen(hosts[i]);
		if (n >= m && memcmp(host, hosts[i], m) == 0 &&
			(n == m || host[m] == ':'))
			return true;
	}
	return false;
}

/* The one line of a small file: 1, 0 when there is no such file, -1. */
static int
read_line(const char *path, char *out, size_t room, struct verr *e)
{
	if (access(path, F_OK) == -1)
		return 0;
	struct buf v_autobuf text = BUF(4096);
	if (fd_read_file(AT_FDCWD, path, &text, e) == -1)
		return -1;
	size_t n = strcspn(buf_text(&text), "\r\n \t");
	if (n == 0 || n >= room)
		return verr_set(e, VERR_INPUT, 0,
			"%s: one line of at most %zu bytes is wanted", path,
			room - 1);
	memcpy(out, text.data, n);
	out[n] = '\0';
	return 1;
}

static int
read_in(const struct place *p, const char *name, char *out, size_t room,
	struct verr *e)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return 0;
	return read_line(path, out, room, e);
}

static int
copy_url(const char *from, char out[CONNECT_URL_BYTES], struct verr *e)
{
	size_t n = strlen(from);
	while (n > 0 && from[n - 1] == '/')
		n--;
	if (strncmp(from, "http://", 7) != 0 &&
		strncmp(from, "https://", 8) != 0)
		return verr_set(e, VERR_INPUT, 0,
			"address '%.80s' starts with neither http:// nor "
			"https://",
			from);
	if (n >= CONNECT_URL_BYTES)
		return verr_set(e, VERR_INPUT, 0,
			"the address is longer than %d bytes",
			CONNECT_URL_BYTES - 1);
	memmove(out, from, n);
	out[n] = '\0';
	return 0;
}

/* The folder to look into: named, else ./var, else the user's own. */
static void
find_place(const struct connect_given *g, struct place *p)
{
	*p = (struct place){.folder = "var"};
	if (g->state != NULL) {
		snprintf(p->folder, sizeof(p->folder), "%s", g->state);
		p->own = true;
		return;
	}
	if (access("var/url", F_OK) == 0 &&
		access("var/admin-token", F_OK) == 0)
		return;
	p->own = true;
	if (g->config_home != NULL && g->config_home[0] == '/')
		snprintf(p->folder, sizeof(p->folder), "%s/vulcan",
			g->config_home);
	else
		snprintf(p->folder, sizeof(p->folder), "%s/.config/vulcan",
			g->home != NULL ? g->home : "");
}

static int
given_token(const struct connect_given *g, struct connect *ret, struct verr *e)
{
	if (g->token_file != NULL) {
		int r = read_line(
			g->token_file, ret->token, sizeof(ret->token), e);
		if (r == 0)
			return verr_set(e, VERR_INPUT, 0,
				"--token-file %s: no such file", g->token_file);
		return r;
	}
	if (g->token == NULL || g->token[0] == '\0')
		return 0;
	size_t n = strlen(g->token);
	if (n >= sizeof(ret->token) || strpbrk(g->token, "\r\n") != NULL)
		return verr_set(e, VERR_INPUT, 0,
			"VULCAN_TOKEN is too long or has a line end");
	memcpy(ret->token, g->token, n + 1);
	return 1;
}

static int
folder_token(const struct place *p, struct connect *ret, struct verr *e)
{
	int r = read_in(p, "admin-token", ret->token, sizeof(ret->token), e);
	if (r != 0)
		return r;
	return read_in(p, "token", ret->token, sizeof(ret->token), e);
}

int
connect_find(const struct connect_given *g, struct connect *ret, struct verr *e)
{
	struct place place;
	struct connect found = {.url = "", .token = ""};
	char url[CONNECT_URL_BYTES] = "";
	find_place(g, &place);
	int has_url = read_in(&place, "url", url, sizeof(url), e);
	if (has_url == -1 || (has_url == 1 && copy_url(url, url, e) == -1))
		return -1;
	if (g->url != NULL && copy_url(g->url, found.url, e) == -1)
		return -1;
	bool same = g->url == NULL || strcmp(found.url, url) == 0;
	if (g->url == NULL && has_url == 0)
		return verr_set(e, VERR_INPUT, 0,
			"no address: give --url or VULCAN_URL, or write it to "
			"%s/url, or go to a folder where `make run` was done",
			place.folder);
	if (g->url == NULL)
		memcpy(found.url, url, sizeof(url));
	int has_token = given_token(g, &found, e);
	if (has_token == -1)
		return -1;
	if (has_token == 1 && g->url == NULL && !place.own &&
		!connect_is_local(found.url))
		return verr_set(e, VERR_INPUT, 0,
			"the key given is not sent to %s, which var/url names; "
			"give --url as well",
			found.url);
	if (has_token == 0 && same && folder_token(&place, &found, e) == -1)
		return -1;
	*ret = found;
	return 0;
}
