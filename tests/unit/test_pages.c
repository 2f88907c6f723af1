/* Every page with hostile text in every field stays well-formed HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "pages.h"
#include "poison.h"
#include "utf8.h"

static const char *const nasty[] = {
	"<>&\"'",
	"</script><script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>",
	"' autofocus onfocus='alert(1)",
	"</textarea></title></pre><b>",
	"javascript:alert(1)",
	"{{x}}{{{x}}}{{#x}}",
	"\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
	"a\x80z\xe2\x82",
	"\x1b[31m\x07\r\n\t",
	"",
};

/* A value for every name of a schema, lists with two items. */
static cJSON *
fill(const struct template_schema *names, const char *text, bool on)
{
	cJSON *v = cJSON_CreateObject();
	for (; names->name != NULL; names++) {
		cJSON *item = NULL;
		switch (names->kind) {
		case TEMPLATE_TEXT:
			item = cJSON_CreateString(text);
			break;
		case TEMPLATE_BOOL:
			item = cJSON_CreateBool(on);
			break;
		case TEMPLATE_OBJECT:
			item = fill(names->in, text, on);
			break;
		case TEMPLATE_LIST:
			item = cJSON_CreateArray();
			cJSON_AddItemToArray(item, fill(names->in, text, on));
			cJSON_AddItemToArray(item, fill(names->in, text, !on));
			break;
		case TEMPLATE_TEXTS:
			item = cJSON_CreateArray();
			cJSON_AddItemToArray(item, cJSON_CreateString(text));
			break;
		case TEMPLATE_JSON:
			item = cJSON_CreateString(text);
			break;
		}
		assert_non_null(item);
		cJSON_AddItemToObject(v, names->name, item);
	}
	return v;
}

/* How often a piece of text occurs. */
static size_t
count(const char *text, const char *piece)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, piece)) != NULL; p++)
		n++;
	return n;
}

/*
 * The skeleton of a page: its tags with their attributes' names. Values and
 * text are left out, so it must not depend on what the fields hold.
 */
static void
skeleton(const char *html, struct buf *out)
{
	struct verr e;
	for (const char *p = html; *p != '\0'; p++) {
		if (*p != '<')
			continue;
		char quote = '\0';
		for (; *p != '\0' && (quote != '\0' || *p != '>'); p++) {
			if (quote == '\0')
				assert_int_equal(buf_addc(out, *p, &e), 0);
			if (quote == '\0' && (*p == '"' || *p == '\''))
				quote = *p;
			else if (quote == *p)
				quote = '\0';
		}
		assert_int_equal(*p, '>');
		assert_int_equal(buf_addc(out, '\n', &e), 0);
	}
}

static void
render(const struct templates *all, size_t page, const char *text, bool on,
	struct buf *out)
{
	struct verr e;
	cJSON *view = fill(pages_table[page].schema, text, on);
	assert_int_equal(
		template_render(templates_page(all, page), view, out, &e), 0);
	cJSON_Delete(view);
	assert_true(utf8_valid(out->data, out->len));
	assert_int_equal(strlen(out->data), out->len);
}

static struct templates *
load(void)
{
	struct templates *all = NULL;
	struct verr e = {.kind = VERR_NONE};
	if (templates_load("templates", pages_table, PAGE_COUNT, &all, &e) ==
		-1)
		fail_msg("%s", e.msg);
	return all;
}

static void
test_skeleton_holds(void **state)
{
	(void)state;
	struct templates *all = load();
	for (size_t page = 0; page < PAGE_COUNT; page++)
		for (int on = 0; on < 2; on++) {
			struct buf v_autobuf plain = BUF(1 << 20);
			struct buf v_autobuf want = BUF(1 << 20);
			render(all, page, "plain", on, &plain);
			skeleton(plain.data, &want);
			for (size_t i = 0;
				i < sizeof(nasty) / sizeof(nasty[0]) - 1; i++) {
				struct buf v_autobuf html = BUF(1 << 20);
				struct buf v_autobuf got = BUF(1 << 20);
				render(all, page, nasty[i], on, &html);
				skeleton(html.data, &got);
				assert_string_equal(got.data, want.data);
			}
		}
	templates_free(all);
}

static void
test_nothing_raw(void **state)
{
	(void)state;
	struct templates *all = load();
	for (size_t page = 0; page < PAGE_COUNT; page++)
		for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
			struct buf v_autobuf html = BUF(1 << 20);
			render(all, page, nasty[i], true, &html);
			assert_int_equal(count(html.data, "<script>"), 0);
			assert_int_equal(count(html.data, "<img"), 0);
			assert_int_equal(count(html.data, "<b>"), 0);
			assert_int_equal(count(html.data, " style="), 0);
			assert_int_equal(
				count(html.data, "href=\"javascript:"), 0);
			assert_int_equal(
				count(html.data, "action=\"javascript:"), 0);
		}
	templates_free(all);
}

/* Every field has a label, every page its landmarks and one heading. */
static void
test_structure(void **state)
{
	(void)state;
	struct templates *all = load();
	for (size_t page = 0; page < PAGE_COUNT; page++) {
		struct buf v_autobuf html = BUF(1 << 20);
		render(all, page, "plain", true, &html);
		assert_int_equal(count(html.data, "<h1"), 1);
		assert_int_equal(count(html.data, "<main id=\"main\""), 1);
		assert_int_equal(count(html.data, "class=\"skip\""), 1);
		assert_int_equal(
			count(html.data, "<nav aria-label=\"Main\""), 1);
		assert_int_equal(count(html.data, "<html lang=\"en\">"), 1);
		assert_int_equal(count(html.data, "<table"),
			count(html.data, "<caption"));
		assert_int_equal(count(html.data, "method=\"post\""),
			count(html.data, "name=\"csrf\""));
	}
	templates_free(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_skeleton_holds),
		cmocka_unit_test(test_nothing_raw),
		cmocka_unit_test(test_structure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
