/* Tokens of forms and the check of where a request comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "csrf.h"
#include "poison.h"

static void
test_tokens(void **state)
{
	(void)state;
	char a[CSRF_TOKEN_BYTES], b[CSRF_TOKEN_BYTES];
	csrf_token("secret", "/submit", a);
	assert_int_equal(strlen(a), CSRF_TOKEN_BYTES - 1);
	csrf_token("secret", "/submit", b);
	assert_string_equal(a, b);
	csrf_token("secret", "/keys", b);
	assert_string_not_equal(a, b);
	csrf_token("secreu", "/submit", b);
	assert_string_not_equal(a, b);
	/* The form's name cannot be moved into the secret. */
	csrf_token("secret/", "submit", b);
	assert_string_not_equal(a, b);
	assert_true(csrf_matches("secret", "/submit", a));
	assert_false(csrf_matches("secret", "/keys", a));
	assert_false(csrf_matches("secret", "/submit", ""));
	for (size_t i = 0; i < CSRF_TOKEN_BYTES - 1; i++) {
		memcpy(b, a, sizeof(b));
		b[i] = b[i] == 'A' ? 'B' : 'A';
		assert_false(csrf_matches("secret", "/submit", b));
		b[i] = '\0';
		assert_false(csrf_matches("secret", "/submit", b));
	}
}

static const struct {
	const char *site, *origin, *host;
	bool https;
	int want;
} origins[] = {
	{"same-origin", NULL, "v:80", false, 0},
	{"none", NULL, "v:80", false, 0},
	{NULL, "http://v:80", "v:80", false, 0},
	{NULL, "https://v:80", "v:80", true, 0},
	{"same-origin", "http://vulcan.test", "v:80", false, 0},
	{NULL, "http://vulcan.test", NULL, false, 0},
	{NULL, NULL, "v:80", false, -1},
	{"cross-site", NULL, "v:80", false, -1},
	{"same-site", "http://v:80", "v:80", false, -1},
	{"", "http://v:80", "v:80", false, -1},
	{"same-origin", "http://evil", "v:80", false, -1},
	{"same-origin", "null", "v:80", false, -1},
	{NULL, "https://v:80", "v:80", false, -1},
	{NULL, "http://v:8080", "v:80", false, -1},
	{NULL, "http://v", "v:80", false, -1},
	{NULL, "", "v:80", false, -1},
	{NULL, "http://", NULL, false, -1},
};

static void
test_origins(void **state)
{
	(void)state;
	struct conf conf;
	conf_defaults(&conf);
	memcpy(conf.origin, "http://vulcan.test", 19);
	struct web web = {.conf = &conf};
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		struct exchange x = {.web = &web};
		struct verr e;
		x.req.fetch_site = origins[i].site;
		x.req.origin = origins[i].origin;
		x.req.host = origins[i].host;
		x.req.https = origins[i].https;
		assert_int_equal(csrf_same_site(&x, &e), origins[i].want);
		assert_int_equal(x.refused, origins[i].want == 0 ? 0 : 403);
	}
}

static void
test_forms(void **state)
{
	(void)state;
	char token[CSRF_TOKEN_BYTES];
	struct verr e;
	struct form_field field = {.name = "csrf", .value = token};
	csrf_token("s", "/submit", token);
	struct exchange x = {
		.who = {.kind = IDENTITY_SESSION, .csrf_secret = "s"},
		.form = {.fields = &field, .count = 1},
	};
	assert_int_equal(csrf_check(&x, "/submit", &e), 0);
	assert_int_equal(csrf_check(&x, "/keys", &e), -1);
	assert_int_equal(x.refused, 403);
	x.form.count = 0;
	assert_int_equal(csrf_check(&x, "/submit", &e), -1);
	x.req.csrf = token;
	assert_int_equal(csrf_check(&x, "/submit", &e), 0);
	x.who = (struct identity){.kind = IDENTITY_NONE};
	assert_int_equal(csrf_check(&x, "/submit", &e), -1);
	/* A program's key is not sent by a browser on its own. */
	x.req.csrf = NULL;
	x.who.kind = IDENTITY_KEY;
	assert_int_equal(csrf_check(&x, "/submit", &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_forms),
	};
	if (sodium_init() == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
