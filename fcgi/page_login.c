/* Logging in, by password or one-time link, and out. */
#include <arpa/inet.h>
#include <sodium.h>
#include <string.h>

#include "auth.h"
#include "csrf.h"
#include "handlers.h"
#include "poison.h"
#include "respond.h"
#include "vtime.h"

/* Wrong passwords a minute: of one name from one address, and in all. */
#define TRIES_NAME 10
#define TRIES_ADDRESS 100
#define CSRF_LOGIN "/login"
#define CSRF_LINK "/login/link"

/* A page of ours that may follow a log-in. */
static const char *
safe_next(const char *next)
{
	if (next == NULL || next[0] != '/' || next[1] == '/')
		return "/";
	for (const unsigned char *p = (const unsigned char *)next; *p; p++)
		if (*p <= 0x20 || *p >= 0x7f || *p == '\\' || *p == '"')
			return "/";
	return next;
}

/*
 * Before a log-in there is no session to make a token from: a random cookie
 * stands for it, so that a form of another site cannot log anybody in.
 */
static int
token_before(struct exchange *x, const char *form, char out[CSRF_TOKEN_BYTES],
	struct verr *e)
{
	const char *secret = NULL;
	if (auth_before(x, &secret, e) == -1)
		return -1;
	csrf_token(secret, form, out);
	return 0;
}

static int
check_before(struct exchange *x, const char *form, struct verr *e)
{
	const char *secret = NULL, *given = form_get(&x->form, "csrf");
	if (auth_before(x, &secret, e) == -1)
		return -1;
	if (given != NULL && csrf_matches(secret, form, given))
		return 0;
	return refuse(x, 403, "load the page again and send it once more", e,
		"the form's token is missing or too old");
}

static int
show_login(struct exchange *x, int status, const char *message, struct verr *e)
{
	char token[CSRF_TOKEN_BYTES];
	if (token_before(x, CSRF_LOGIN, token, e) == -1)
		return -1;
	const char *next = form_get(&x->form, "next");
	if (next == NULL)
		next = form_get(&x->query, "next");
	cJSON *v = page_view(x, "Log in", NULL);
	view_text(v, "csrf", token);
	view_text(v, "next", safe_next(next));
	view_text(v, "name", form_get(&x->form, "name"));
	view_text(v, "message", message);
	return respond_page(x, status, PAGE_LOGIN, v, e);
}

int
page_login(struct exchange *x, struct verr *e)
{
	return show_login(x, 200, NULL, e);
}

/* An address, or the /64 it comes from, and a name, as one number. */
static uint64_t
asker(const struct exchange *x, const char *name)
{
	struct {
		unsigned char address[16];
		unsigned char of_name[crypto_generichash_BYTES];
	} who = {.address = {0}};
	const char *text = x->req.remote_addr != NULL ? x->req.remote_addr : "";
	if (inet_pton(AF_INET6, text, who.address) == 1)
		memset(who.address + 8, 0, 8);
	else if (inet_pton(AF_INET, text, who.address) != 1)
		memset(who.address, 0, sizeof(who.address));
	crypto_generichash(who.of_name, sizeof(who.of_name),
		(const unsigned char *)name, strlen(name), NULL, 0);
	unsigned char hash[crypto_generichash_BYTES];
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)&who,
		sizeof(who), NULL, 0);
	uint64_t n;
	memcpy(&n, hash, sizeof(n));
	return n;
}

static bool
may_try(struct exchange *x, const char *name)
{
	struct shared *s = x->web->shared;
	int64_t now = vtime_wall_ms();
	return shared_attempt(s, asker(x, ""), TRIES_ADDRESS, now) &&
		shared_attempt(s, asker(x, name), TRIES_NAME, now);
}

struct candidate {
	struct exchange *x;
	int64_t id;
	const char *hash;
	bool disabled;
};

static int
on_user(void *arg, const struct db_user *u, struct verr *e)
{
	(void)e;
	struct candidate *c = arg;
	c->id = u->id;
	c->disabled = u->disabled_at != NULL;
	if (u->password_hash != NULL)
		c->hash = arena_strdup(c->x->arena, u->password_hash);
	return 0;
}

/* 1 right, 0 wrong, -1; takes as long for a name that is not there. */
static int
password_right(struct exchange *x, const char *name, const char *password,
	int64_t *ret_id, struct verr *e)
{
	static const char nobody[] =
		"$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	struct candidate c = {.x = x};
	if (db_user_by_name(x->web->db, name, on_user, &c, e) == -1)
		return -1;
	const char *hash = c.hash != NULL ? c.hash : nobody;
	int wrong = crypto_pwhash_str_verify(hash, password, strlen(password));
	*ret_id = c.id;
	return wrong == 0 && c.hash != NULL && !c.disabled;
}

int
page_login_post(struct exchange *x, struct verr *e)
{
	const char *name = form_get(&x->form, "name");
	const char *password = form_get(&x->form, "password");
	if (check_before(x, CSRF_LOGIN, e) == -1)
		return -1;
	if (name == NULL || password == NULL || name[0] == '\0')
		return show_login(x, 400, "Name and password, please.", e);
	struct shared *sh = x->web->shared;
	if (!may_try(x, name)) {
		x->retry_after_s = 60;
		return refuse(x, 429, "wait a minute", e,
			"too many log-ins of this name from this address");
	}
	if (!shared_claim(
		    &sh->logins, x->web->slot, x->web->conf->logins_at_once)) {
		x->retry_after_s = 1;
		return refuse(x, 503, "try again in a second", e,
			"others are logging in right now");
	}
	int64_t id = 0;
	int right = password_right(x, name, password, &id, e);
	shared_release(&sh->logins, x->web->slot);
	if (right == -1)
		return -1;
	if (auth_event(x, id, NULL, right ? "login" : "login-refused",
		    "password", e) == -1)
		return -1;
	if (right == 0)
		return show_login(
			x, 403, "Name and password do not belong together.", e);
	if (auth_log_in(x, id, e) == -1)
		return -1;
	return respond_redirect(x, safe_next(form_get(&x->form, "next")), e);
}

/* A look at a link must not use it up: browsers and chats look ahead. */
int
page_link(struct exchange *x, struct verr *e)
{
	char token[CSRF_TOKEN_BYTES];
	if (token_before(x, CSRF_LINK, token, e) == -1)
		return -1;
	cJSON *v = page_view(x, "Log in", NULL);
	view_text(v, "csrf", token);
	view_text(v, "token", route_captured(&x->match, "token"));
	return respond_page(x, 200, PAGE_LINK, v, e);
}

int
page_link_post(struct exchange *x, struct verr *e)
{
	const char *token = form_get(&x->form, "token");
	char hash[DB_TOKEN_BYTES];
	int64_t id = 0;
	if (check_before(x, CSRF_LINK, e) == -1)
		return -1;
	auth_hash(token != NULL ? token : "", hash);
	int r = db_link_consume(x->web->db, hash, &id, e);
	if (r == -1)
		return -1;
	if (r == 0)
		return refuse(x, 403,
			"ask for another: vulcan-admin login-link NAME", e,
			"this link was used, is too old, or never was");
	if (auth_event(x, id, NULL, "login", "link", e) == -1 ||
		auth_log_in(x, id, e) == -1)
		return -1;
	return respond_redirect(x, "/", e);
}

int
page_logout(struct exchange *x, struct verr *e)
{
	if (auth_event(x, x->who.user_id, NULL, "logout", "", e) == -1 ||
		auth_log_out(x, e) == -1)
		return -1;
	return respond_redirect(x, "/login", e);
}
