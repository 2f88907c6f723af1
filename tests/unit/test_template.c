/* Pages: escapes by place, schema checks, refusals at compile time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "template.h"

static const struct template_schema row_names[] = {
	{"id", TEMPLATE_TEXT, NULL},
	{"url", TEMPLATE_TEXT, NULL},
	{"active", TEMPLATE_BOOL, NULL},
	{0},
};

static const struct template_schema names[] = {
	{"x", TEMPLATE_TEXT, NULL},
	{"y", TEMPLATE_TEXT, NULL},
	{"yes", TEMPLATE_BOOL, NULL},
	{"o", TEMPLATE_OBJECT, row_names},
	{"rows", TEMPLATE_LIST, row_names},
	{"words", TEMPLATE_TEXTS, NULL},
	{"data", TEMPLATE_JSON, NULL},
	{0},
};

static int
compile(const char *text, const char *partial, struct template **ret,
	struct verr *e)
{
	struct template_source sources[] = {{"t.html", text, strlen(text)},
		{"p.html", partial, strlen(partial)}};
	*e = (struct verr){0};
	return template_compile(
		TEMPLATE_HTML, sources, 2, "t.html", names, ret, e);
}

static const struct {
	const char *text;
	const char *data;
	const char *want;
} good[] = {
	{"<p>{{x}}</p>", "{\"x\":\"<a href='\\\"&\"}",
		"<p>&lt;a href=&#39;&quot;&amp;</p>"},
	{"<p>{{x}}", "{\"x\":\"a\\u001b[1m\\u007f\\n\"}",
		"<p>a\xe2\x90\x9b[1m\xe2\x90\xa1\n"},
	{"<p>{{x}}", "{\"x\":\"\xc3(\"}", "<p>\xef\xbf\xbd("},
	{"<p>{{x}}", "{}", "<p>"},
	{"<p>{{x}}{{y}}", "{\"x\":0,\"y\":true}", "<p>0true"},
	{"<p title=\"{{x}}\">", "{\"x\":\"\\\"'>\"}",
		"<p title=\"&quot;&#39;&gt;\">"},
	{"<p title='{{x}}'>", "{\"x\":\"'\"}", "<p title='&#39;'>"},
	{"<a href=\"{{x}}\">", "{\"x\":\"https://a/?b&c\"}",
		"<a href=\"https://a/?b&amp;c\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\"/a?b=c:d\"}", "<a href=\"/a?b=c:d\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\"javascript:alert(1)\"}",
		"<a href=\"#\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\" JaVaScript:alert(1)\"}",
		"<a href=\"#\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\"java\\nscript:alert(1)\"}",
		"<a href=\"#\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\"\\u0001javascript:1\"}",
		"<a href=\"#\">"},
	{"<a href=\"{{x}}\">", "{\"x\":\"data:text/html,x\"}",
		"<a href=\"#\">"},
	{"<a href='/w/{{x}}?y={{y}}'>", "{\"x\":\"a/b?\",\"y\":\"&'\"}",
		"<a href='/w/a%2Fb%3F?y=%26%27'>"},
	{"<a href=\"{{x}}{{y}}\">", "{\"x\":\"javascript\",\"y\":\":1\"}",
		"<a href=\"javascript%3A1\">"},
	{"<script type=\"application/json\">{{data}}</script>",
		"{\"data\":{\"k\":\"</script><!--&\\u2028\",\"n\":1.5}}",
		"<script type=\"application/json\">{\"k\":\"\\u003c/script"
		"\\u003e\\u003c!--\\u0026\\u2028\",\"n\":1.5}</script>"},
	{"<script type=\"application/json\">{\"a\":{{x}}}</script>{{x}}",
		"{\"x\":\"<\"}",
		"<script type=\"application/json\">{\"a\":\"\\u003c\"}"
		"</script>&lt;"},
	{"<option{{#yes}} selected{{/yes}}>", "{\"yes\":true}",
		"<option selected>"},
	{"<option {{#yes}}selected{{/yes}} value=\"{{x}}\">",
		"{\"yes\":false,\"x\":1}", "<option  value=\"1\">"},
	{"<p class=\"a{{#words}} {{.}}{{/words}}\">",
		"{\"words\":[\"b\",\"c\"]}", "<p class=\"a b c\">"},
	{"<textarea>{{x}}</textarea>", "{\"x\":\"</textarea>\"}",
		"<textarea>&lt;/textarea&gt;</textarea>"},
	{"{{#rows}}<i>{{id}}{{x}}</i>{{/rows}}{{^rows}}none{{/rows}}",
		"{\"x\":\"!\",\"rows\":[{\"id\":1},{\"id\":2}]}",
		"<i>1!</i><i>2!</i>"},
	{"{{^rows}}none{{/rows}}", "{\"rows\":[]}", "none"},
	{"{{#x}}<b>{{.}}</b>{{/x}}", "{\"x\":\"a\"}", "<b>a</b>"},
	{"{{#x}}<b>{{.}}</b>{{/x}}", "{\"x\":\"\"}", ""},
	{"{{o.id}}{{#o}}{{id}}{{/o}}", "{\"o\":{\"id\":7}}", "77"},
	{"<ul>\n  {{> p}}\n</ul>", "{\"x\":1}", "<ul>\n<li>1</li>\n</ul>"},
	{"<!-- plain --><br/>a < b {{x}}", "{\"x\":1}",
		"<!-- plain --><br/>a < b 1"},
};

static void
renders(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct template *t = NULL;
		struct verr e;
		struct buf v_autobuf out = BUF(65536);
		cJSON *data = cJSON_Parse(good[i].data);
		assert_non_null(data);
		if (compile(good[i].text, "<li>{{x}}</li>\n", &t, &e) == -1 ||
			template_render(t, data, &out, &e) == -1)
			fail_msg("%s: %s", good[i].text, e.msg);
		assert_string_equal(buf_text(&out), good[i].want);
		template_free(t);
		cJSON_Delete(data);
	}
}

static const struct {
	const char *text;
	const char *why; /* is part of the message */
} wrong[] = {
	{"a\nb {{nothing}}", "t.html:2: the page has no name 'nothing'"},
	{"{{#nothing}}{{/nothing}}", "no name"},
	{"{{o.nothing}}", "no name"},
	{"{{id}}", "no name"},
	{"{{rows.id}}", "no name"},
	{"{{.}}", "not text here"},
	{"{{#rows}}{{.}}{{/rows}}", "not text here"},
	{"{{yes}}", "not text"},
	{"{{data}}", "not text"},
	{"{{{x}}}", "raw output"},
	{"{{&x}}", "raw output"},
	{"<script>{{x}}</script>", "in a script"},
	{"<script type=\"module\">{{x}}</script>", "in a script"},
	{"<script type=\"application/json\">\"{{x}}\"</script>",
		"brings its own quotes"},
	{"<style>{{x}}</style>", "in a script or style"},
	{"<!-- {{x}} -->", "in a comment"},
	{"<p title={{x}}>", "unquoted"},
	{"<p title=a{{x}}>", "unquoted"},
	{"<{{x}}>", "name of a tag"},
	{"<p {{x}}=\"1\">", "name of a tag"},
	{"<p on{{x}}=\"1\">", "name of a tag"},
	{"<p onclick=\"{{x}}\">", "cannot be escaped"},
	{"<p style=\"{{x}}\">", "cannot be escaped"},
	{"<img srcset=\"{{x}}\">", "cannot be escaped"},
	{"<script src=\"{{x}}\"></script>", "loads or runs"},
	{"<base href=\"{{x}}\">", "loads or runs"},
	{"<iframe src=\"/\">", "no place"},
	{"<a href=\"javascript:{{x}}\">", "not http"},
	{"<a href=\"{{x}}:b\">", "scheme"},
	{"<a href=\"{{#yes}}{{x}}{{/yes}}{{y}}\">", "leaves open"},
	{"<meta http-equiv=\"refresh\" content=\"{{x}}\">", "http-equiv"},
	{"<meta content=\"{{x}}\" http-equiv=\"refresh\">", "http-equiv"},
	{"{{#yes}}<p {{/yes}}>", "other HTML"},
	{"{{#yes}}<!--{{/yes}}-->", "other HTML"},
	{"<p {{#words}}a=\"{{.}}\"{{/words}}>", "list within a tag"},
	{"<p", "ends within a tag"},
	{"<script>", "ends within"},
	{"{{#yes}}", "is not closed"},
	{"{{#yes}}{{/x}}", "{{/yes}} is due"},
	{"{{/x}}", "closes nothing"},
	{"{{x", "a tag without"},
	{"{{> none}}", "no partial"},
	{"{{> p}}", "includes itself"},
	{"{{=a=}}", "delimiters"},
};

static void
refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct template *t = NULL;
		struct verr e;
		if (compile(wrong[i].text, "{{> p}}", &t, &e) == 0)
			fail_msg("accepted: %s", wrong[i].text);
		if (strstr(e.msg, wrong[i].why) == NULL)
			fail_msg("%s: %s", wrong[i].text, e.msg);
		assert_int_equal(e.kind, VERR_INPUT);
	}
}

static void
bounds(void **state)
{
	(void)state;
	char text[4096] = "";
	size_t n = 0;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "{{#yes}}");
	struct template *t = NULL;
	struct verr e;
	assert_int_equal(compile(text, "", &t, &e), -1);
	assert_non_null(strstr(e.msg, "nested deeper"));

	assert_int_equal(compile("{{#words}}{{.}}{{/words}}", "", &t, &e), 0);
	cJSON *data = cJSON_Parse("{\"words\":[\"aaaa\",\"bbbb\"]}");
	struct buf v_autobuf out = BUF(6);
	assert_int_equal(template_render(t, data, &out, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	cJSON_Delete(data);
	data = cJSON_Parse("{\"words\":[[1]]}");
	buf_reset(&out);
	assert_int_equal(template_render(t, data, &out, &e), -1);
	assert_int_equal(e.kind, VERR_BUG);
	cJSON_Delete(data);
	template_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renders),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
