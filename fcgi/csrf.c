/* Requests that change something must come from a page of ours. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "csrf.h"
#include "poison.h"

void
csrf_token(const char *secret, const char *form, char out[CSRF_TOKEN_BYTES])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state st;
	crypto_auth_hmacsha256_init(
		&st, (const unsigned char *)secret, strlen(secret));
	static const unsigned char purpose[] = "vulcan form:";
	crypto_auth_hmacsha256_update(&st, purpose, sizeof(purpose) - 1);
	crypto_auth_hmacsha256_update(
		&st, (const unsigned char *)form, strlen(form));
	crypto_auth_hmacsha256_final(&st, mac);
	_Static_assert(sodium_base64_ENCODED_LEN(sizeof(mac),
			       sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
			CSRF_TOKEN_BYTES,
		"the room that a token takes");
	sodium_bin2base64(out, CSRF_TOKEN_BYTES, mac, sizeof(mac),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
csrf_matches(const char *secret, const char *form, const char *text)
{
	char want[CSRF_TOKEN_BYTES];
	csrf_token(secret, form, want);
	return strlen(text) == CSRF_TOKEN_BYTES - 1 &&
		sodium_memcmp(want, text, CSRF_TOKEN_BYTES - 1) == 0;
}

const char *
csrf_for(struct exchange *x, const char *form)
{
	if (x->who.csrf_secret == NULL)
		return "";
	char *token = arena_alloc(x->arena, CSRF_TOKEN_BYTES);
	csrf_token(x->who.csrf_secret, form, token);
	return token;
}

static bool
origin_is_ours(const struct exchange *x)
{
	if (strcmp(x->req.origin, x->web->conf->origin) == 0)
		return true;
	if (x->req.host == NULL)
		return false;
	char own[CONF_PATH_BYTES + 16];
	int n = snprintf(own, sizeof(own), "%s://%s",
		x->req.https ? "https" : "http", x->req.host);
	return n > 0 && (size_t)n < sizeof(own) &&
		strcmp(x->req.origin, own) == 0;
}

int
csrf_same_site(struct exchange *x, struct verr *e)
{
	const char *site = x->req.fetch_site;
	if (site != NULL && strcmp(site, "same-origin") != 0 &&
		strcmp(site, "none") != 0)
		return refuse(x, 403, "open the form on this server itself", e,
			"this request comes from another site");
	if (x->req.origin != NULL && !origin_is_ours(x))
		return refuse(x, 403,
			"`origin` in vulcan.conf must be the address that "
			"browsers use",
			e, "this request comes from another origin");
	if (site == NULL && x->req.origin == NULL)
		return refuse(x, 403,
			"browsers send it by themselves; a program should "
			"use an API key instead of a cookie",
			e, "this request has no Origin header");
	return 0;
}

int
csrf_check(struct exchange *x, const char *form, struct verr *e)
{
	if (x->who.kind == IDENTITY_KEY)
		return 0;
	const char *given = form_get(&x->form, "csrf");
	if (given == NULL)
		given = x->req.csrf;
	if (given != NULL && x->who.csrf_secret != NULL &&
		csrf_matches(x->who.csrf_secret, form, given))
		return 0;
	return refuse(x, 403, "load the page again and send the form once more",
		e,
		given == NULL ? "the form's token is missing"
			      : "the form's token is not of this log-in");
}
