/* Who asks: sessions of browsers, keys of programs. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "poison.h"
#include "respond.h"
#include "vtime.h"

void
auth_secret(char out[AUTH_SECRET_BYTES])
{
	unsigned char raw[32];
	randombytes_buf(raw, sizeof(raw));
	sodium_bin2base64(out, AUTH_SECRET_BYTES, raw, sizeof(raw),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
auth_hash(const char *text, char out[DB_TOKEN_BYTES])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(out, DB_TOKEN_BYTES, hash, sizeof(hash));
}

/* Over TLS the prefix keeps neighbours of the host name from setting it. */
static const char *
session_cookie(const struct exchange *x)
{
	return x->req.https ? "__Host-vulcan_session" : "vulcan_session";
}

static const char *
before_cookie(const struct exchange *x)
{
	return x->req.https ? "__Host-vulcan_form" : "vulcan_form";
}

static int
on_session(void *arg, const struct db_session *s, struct verr *e)
{
	(void)e;
	struct exchange *x = arg;
	x->who = (struct identity){
		.kind = IDENTITY_SESSION,
		.user_id = s->user_id,
		.name = arena_strdup(x->arena, s->user),
		.is_admin = s->is_admin,
		.session_hash = arena_strdup(x->arena, s->token_hash),
		.csrf_secret = arena_strdup(x->arena, s->csrf),
	};
	return 0;
}

static int
on_key(void *arg, const struct db_user *u, struct verr *e)
{
	(void)e;
	struct exchange *x = arg;
	x->who = (struct identity){
		.kind = IDENTITY_KEY,
		.user_id = u->id,
		.name = arena_strdup(x->arena, u->name),
		.is_admin = u->is_admin,
	};
	return 0;
}

int
auth_identify(struct exchange *x, struct verr *e)
{
	/*
	 * Secrets are looked up by their hash, so the time a look-up takes
	 * says nothing about the secret itself.
	 */
	char hash[DB_TOKEN_BYTES];
	if (x->req.bearer != NULL) {
		auth_hash(x->req.bearer, hash);
		int r = db_key_find(x->web->db, hash, on_key, x, e);
		if (r == 0)
			return refuse(x, 401, "make a new key on the page Keys",
				e, "this API key is not known or was revoked");
		return r == -1 ? -1 : 0;
	}
	const char *cookie = NULL;
	int r = request_cookie(
		&x->req, x->arena, session_cookie(x), &cookie, e);
	if (r != 1)
		return r;
	auth_hash(cookie, hash);
	return db_session_find(x->web->db, hash, on_session, x, e) == -1 ? -1
									 : 0;
}

/* The page to come back to, as the value of a parameter. */
static const char *
come_back(struct exchange *x)
{
	if (x->req.method != METHOD_GET || strcmp(x->req.path, "/") == 0)
		return "/login";
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(x->arena, strlen(x->req.path) * 3 + 16);
	size_t n = (size_t)snprintf(out, 16, "/login?next=");
	for (const unsigned char *p = (const unsigned char *)x->req.path; *p;
		p++) {
		bool plain = (*p >= 'a' && *p <= 'z') ||
			(*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			*p == '-' || *p == '/';
		if (plain) {
			out[n++] = (char)*p;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[*p >> 4];
		out[n++] = hex[*p & 15];
	}
	return out;
}

int
auth_require(struct exchange *x, struct verr *e)
{
	enum route_auth need = x->match.route->auth;
	if (need == ROUTE_PUBLIC)
		return 0;
	if (need == ROUTE_SESSION && x->who.kind == IDENTITY_KEY)
		return refuse(x, 403, "log in with a browser", e,
			"an API key cannot use this page");
	if (x->who.kind != IDENTITY_NONE)
		return 0;
	bool reads =
		x->req.method == METHOD_GET || x->req.method == METHOD_HEAD;
	if (respond_wants_page(x) && reads)
		return respond_redirect(x, come_back(x), e) == -1 ? -1 : 1;
	return refuse(x, 401,
		"send Authorization: Bearer <API key>, or log in at /login", e,
		"this needs a log-in");
}

static int
set_cookie(struct exchange *x, const char *name, const char *value,
	uint64_t max_age_s, const char *same_site, struct verr *e)
{
	const char *line = arena_printf(x->arena,
		"%s=%s; Path=/; HttpOnly; SameSite=%s; Max-Age=%llu%s", name,
		value, same_site, (unsigned long long)max_age_s,
		x->req.https ? "; Secure" : "");
	return respond_header(x, "Set-Cookie", line, e);
}

int
auth_log_in(struct exchange *x, int64_t user_id, struct verr *e)
{
	/* Never the cookie that came: it may have been planted. */
	char secret[AUTH_SECRET_BYTES], csrf[AUTH_SECRET_BYTES];
	char hash[DB_TOKEN_BYTES];
	auth_secret(secret);
	auth_secret(csrf);
	auth_hash(secret, hash);
	uint64_t life_s = x->web->conf->session_hours * 3600;
	if (x->who.kind == IDENTITY_SESSION &&
		db_session_delete(x->web->db, x->who.session_hash, e) == -1)
		return -1;
	if (db_session_expire(x->web->db, e) == -1 ||
		db_session_add(x->web->db, hash, user_id, csrf,
			vtime_wall_ms() + (int64_t)life_s * 1000, e) == -1)
		return -1;
	int r = set_cookie(x, session_cookie(x), secret, life_s, "Lax", e);
	sodium_memzero(secret, sizeof(secret));
	return r;
}

int
auth_log_out(struct exchange *x, struct verr *e)
{
	if (db_session_delete(x->web->db, x->who.session_hash, e) == -1)
		return -1;
	return set_cookie(x, session_cookie(x), "", 0, "Lax", e);
}

int
auth_before(struct exchange *x, const char **ret_secret, struct verr *e)
{
	int r = request_cookie(
		&x->req, x->arena, before_cookie(x), ret_secret, e);
	if (r == -1)
		return -1;
	if (r == 1 && strlen(*ret_secret) == AUTH_SECRET_BYTES - 1)
		return 0;
	char *secret = arena_alloc(x->arena, AUTH_SECRET_BYTES);
	auth_secret(secret);
	*ret_secret = secret;
	return set_cookie(x, before_cookie(x), secret, 3600, "Strict", e);
}

int
auth_event(struct exchange *x, int64_t user_id, const char *workload_id,
	const char *what, const char *detail, struct verr *e)
{
	const struct db_event event = {
		.user_id = user_id,
		.workload_id = workload_id,
		.what = what,
		.detail = detail,
	};
	return db_event_add(x->web->db, &event, e);
}
