/* The plain mode against the rules of the public Mustache specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poison.h"
#include "template.h"

static const struct {
	const char *name;
	const char *text;
	const char *data;
	const char *want;
	const char *partial; /* called "p" */
} cases[] = {
	{"comment inline", "12345{{! c }}67890", "{}", "1234567890", NULL},
	{"comment multiline", "12345{{!\n a\n b\n}}67890\n", "{}",
		"1234567890\n", NULL},
	{"comment standalone", "Begin.\n{{! c }}\nEnd.\n", "{}",
		"Begin.\nEnd.\n", NULL},
	{"comment indented standalone", "Begin.\n  {{! c }}\nEnd.\n", "{}",
		"Begin.\nEnd.\n", NULL},
	{"comment crlf", "|\r\n{{! c }}\r\n|", "{}", "|\r\n|", NULL},
	{"comment without previous line", "  {{! c }}\n!", "{}", "!", NULL},
	{"comment without newline", "!\n  {{! c }}", "{}", "!\n", NULL},
	{"comment multiline standalone", "Begin.\n{{!\nx\n}}\nEnd.\n", "{}",
		"Begin.\nEnd.\n", NULL},
	{"comment indented inline", "  12 {{! 34 }}\n", "{}", "  12 \n", NULL},
	{"comment surrounding space", "12345 {{! c }} 67890", "{}",
		"12345  67890", NULL},
	{"comment like a variable", "a{{! {{x} }}b", "{}", "ab", NULL},
	{"delimiters pair", "{{=<% %>=}}(<%text%>)", "{\"text\":\"Hey!\"}",
		"(Hey!)", NULL},
	{"delimiters special", "({{=[ ]=}}[text])", "{\"text\":\"It worked!\"}",
		"(It worked!)", NULL},
	{"delimiters sections",
		"[\n{{#s}}\n  {{data}}\n  |data|\n{{/s}}\n\n{{= | | "
		"=}}\n|#s|\n  {{data}}\n  |data|\n|/s|\n]\n",
		"{\"s\":true,\"data\":\"I got interpolated.\"}",
		"[\n  I got interpolated.\n  |data|\n\n  {{data}}\n  I got "
		"interpolated.\n]\n",
		NULL},
	{"delimiters inverted",
		"[\n{{^s}}\n  {{data}}\n{{/s}}\n{{= | | =}}\n|^s|\n  "
		"|data|\n|/s|\n]\n",
		"{\"s\":false,\"data\":\"I.\"}", "[\n  I.\n  I.\n]\n", NULL},
	{"delimiters not inherited", "[ {{>p}} ]\n{{= | | =}}\n[ |>p| ]\n",
		"{\"value\":\"yes\"}", "[ .yes. ]\n[ .yes. ]\n", ".{{value}}."},
	{"delimiters end with the partial",
		"[ {{>p}} ]\n[ .{{value}}.  .|value|. ]\n",
		"{\"value\":\"yes\"}",
		"[ .yes.  .yes. ]\n[ .yes.  .|value|. ]\n",
		".{{value}}. {{= | | =}} .|value|."},
	{"delimiters surrounding space", "| {{=@ @=}} |", "{}", "|  |", NULL},
	{"delimiters outlying space", " | {{=@ @=}}\n", "{}", " | \n", NULL},
	{"delimiters standalone", "Begin.\n{{=@ @=}}\nEnd.\n", "{}",
		"Begin.\nEnd.\n", NULL},
	{"delimiters indented", "Begin.\n  {{=@ @=}}\nEnd.\n", "{}",
		"Begin.\nEnd.\n", NULL},
	{"delimiters crlf", "|\r\n{{= @ @ =}}\r\n|", "{}", "|\r\n|", NULL},
	{"delimiters without previous line", "  {{=@ @=}}\n=", "{}", "=", NULL},
	{"delimiters without newline", "=\n  {{=@ @=}}", "{}", "=\n", NULL},
	{"delimiters padding", "|{{= @   @ =}}|", "{}", "||", NULL},
	{"no interpolation", "Hello from {Mustache}!\n", "{}",
		"Hello from {Mustache}!\n", NULL},
	{"basic", "Hello, {{s}}!", "{\"s\":\"world\"}", "Hello, world!", NULL},
	{"no re-interpolation", "{{t}}: {{p}}", "{\"t\":\"{{p}}\",\"p\":\"3\"}",
		"{{p}}: 3", NULL},
	{"html escape", "{{f}}", "{\"f\":\"& \\\" < >\"}",
		"&amp; &quot; &lt; &gt;", NULL},
	{"triple", "{{{f}}}", "{\"f\":\"& \\\" < >\"}", "& \" < >", NULL},
	{"ampersand", "{{&f}}", "{\"f\":\"& \\\" < >\"}", "& \" < >", NULL},
	{"integer plain", "\"{{mph}} miles\"", "{\"mph\":85}", "\"85 miles\"",
		NULL},
	{"decimal plain", "\"{{power}} jw\"", "{\"power\":1.21}", "\"1.21 jw\"",
		NULL},
	{"null plain", "I ({{no}}) be", "{\"no\":null}", "I () be", NULL},
	{"context miss plain", "I ({{no}}) be", "{}", "I () be", NULL},
	{"dotted plain", "\"{{p.n}}\" == \"Joe\"", "{\"p\":{\"n\":\"Joe\"}}",
		"\"Joe\" == \"Joe\"", NULL},
	{"surrounding space plain", "| {{s}} |", "{\"s\":\"---\"}", "| --- |",
		NULL},
	{"standalone plain", "  {{s}}\n", "{\"s\":\"---\"}", "  ---\n", NULL},
	{"padding plain", "|{{ s }}|", "{\"s\":\"---\"}", "|---|", NULL},
	{"implicit iterator plain", "Hello, {{.}}!", "\"world\"",
		"Hello, world!", NULL},
	{"integer triple", "\"{{{mph}}} miles\"", "{\"mph\":85}",
		"\"85 miles\"", NULL},
	{"decimal triple", "\"{{{power}}} jw\"", "{\"power\":1.21}",
		"\"1.21 jw\"", NULL},
	{"null triple", "I ({{{no}}}) be", "{\"no\":null}", "I () be", NULL},
	{"context miss triple", "I ({{{no}}}) be", "{}", "I () be", NULL},
	{"dotted triple", "\"{{{p.n}}}\" == \"Joe\"", "{\"p\":{\"n\":\"Joe\"}}",
		"\"Joe\" == \"Joe\"", NULL},
	{"surrounding space triple", "| {{{s}}} |", "{\"s\":\"---\"}",
		"| --- |", NULL},
	{"standalone triple", "  {{{s}}}\n", "{\"s\":\"---\"}", "  ---\n",
		NULL},
	{"padding triple", "|{{{ s }}}|", "{\"s\":\"---\"}", "|---|", NULL},
	{"implicit iterator triple", "Hello, {{{.}}}!", "\"world\"",
		"Hello, world!", NULL},
	{"integer ampersand", "\"{{&mph}} miles\"", "{\"mph\":85}",
		"\"85 miles\"", NULL},
	{"decimal ampersand", "\"{{&power}} jw\"", "{\"power\":1.21}",
		"\"1.21 jw\"", NULL},
	{"null ampersand", "I ({{&no}}) be", "{\"no\":null}", "I () be", NULL},
	{"context miss ampersand", "I ({{&no}}) be", "{}", "I () be", NULL},
	{"dotted ampersand", "\"{{&p.n}}\" == \"Joe\"",
		"{\"p\":{\"n\":\"Joe\"}}", "\"Joe\" == \"Joe\"", NULL},
	{"surrounding space ampersand", "| {{&s}} |", "{\"s\":\"---\"}",
		"| --- |", NULL},
	{"standalone ampersand", "  {{&s}}\n", "{\"s\":\"---\"}", "  ---\n",
		NULL},
	{"padding ampersand", "|{{& s }}|", "{\"s\":\"---\"}", "|---|", NULL},
	{"implicit iterator ampersand", "Hello, {{&.}}!", "\"world\"",
		"Hello, world!", NULL},
	{"dotted depth", "{{a.b.c.d.e.n}}",
		"{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"n\":\"Phil\"}}}}}}",
		"Phil", NULL},
	{"dotted broken chain", "({{a.b.c}})", "{\"a\":{}}", "()", NULL},
	{"dotted broken chain resolution", "({{a.b.c.name}})",
		"{\"a\":{\"b\":{}},\"c\":{\"name\":\"Jim\"}}", "()", NULL},
	{"dotted initial resolution", "{{#a}}{{b.c.n}}{{/a}}",
		"{\"a\":{\"b\":{\"c\":{\"n\":\"Phil\"}}},\"b\":{\"c\":{\"n\":"
		"\"Wrong\"}}}",
		"Phil", NULL},
	{"dotted context precedence", "{{#a}}({{b.c}}){{/a}}",
		"{\"a\":{\"b\":{}},\"b\":{\"c\":\"ERROR\"}}", "()", NULL},
	{"no flattening", "({{a.b}})", "{\"a.b\":\"c\"}", "()", NULL},
	{"no masking", "{{a.b}}", "{\"a.b\":\"c\",\"a\":{\"b\":\"d\"}}", "d",
		NULL},
	{"inverted falsey", "{{^b}}yes{{/b}}", "{\"b\":false}", "yes", NULL},
	{"inverted truthy", "({{^b}}no{{/b}})", "{\"b\":true}", "()", NULL},
	{"inverted null", "{{^b}}yes{{/b}}", "{\"b\":null}", "yes", NULL},
	{"inverted context", "({{^c}}Hi {{c.n}}.{{/c}})",
		"{\"c\":{\"n\":\"Joe\"}}", "()", NULL},
	{"inverted list", "({{^l}}{{n}}{{/l}})",
		"{\"l\":[{\"n\":1},{\"n\":2}]}", "()", NULL},
	{"inverted empty list", "{{^l}}Yay!{{/l}}", "{\"l\":[]}", "Yay!", NULL},
	{"inverted doubled",
		"{{^b}}\n* first\n{{/b}}\n* {{two}}\n{{^b}}\n* third\n{{/b}}\n",
		"{\"b\":false,\"two\":\"second\"}",
		"* first\n* second\n* third\n", NULL},
	{"inverted nested falsey", "| A {{^b}}B {{^b}}C{{/b}} D{{/b}} E |",
		"{\"b\":false}", "| A B C D E |", NULL},
	{"inverted nested truthy", "| A {{^b}}B {{^b}}C{{/b}} D{{/b}} E |",
		"{\"b\":true}", "| A  E |", NULL},
	{"inverted context miss", "[{{^m}}none{{/m}}]", "{}", "[none]", NULL},
	{"inverted dotted truthy", "({{^a.b.c}}no{{/a.b.c}})",
		"{\"a\":{\"b\":{\"c\":true}}}", "()", NULL},
	{"inverted dotted falsey", "({{^a.b.c}}no{{/a.b.c}})",
		"{\"a\":{\"b\":{\"c\":false}}}", "(no)", NULL},
	{"inverted dotted broken", "({{^a.b.c}}no{{/a.b.c}})", "{\"a\":{}}",
		"(no)", NULL},
	{"section truthy", "{{#b}}yes{{/b}}", "{\"b\":true}", "yes", NULL},
	{"section falsey", "({{#b}}no{{/b}})", "{\"b\":false}", "()", NULL},
	{"section null", "({{#b}}no{{/b}})", "{\"b\":null}", "()", NULL},
	{"section context", "{{#c}}Hi {{n}}.{{/c}}", "{\"c\":{\"n\":\"Joe\"}}",
		"Hi Joe.", NULL},
	{"section parent contexts", "{{#s}}{{a}}, {{b}}, {{c.d}}{{/s}}",
		"{\"a\":\"foo\",\"b\":\"wrong\",\"s\":{\"b\":\"bar\"},\"c\":{"
		"\"d\":\"baz\"}}",
		"foo, bar, baz", NULL},
	{"section variable test", "{{#foo}}{{.}} is {{foo}}{{/foo}}",
		"{\"foo\":\"bar\"}", "bar is bar", NULL},
	{"section list contexts",
		"{{#tops}}{{#middles}}{{tn.l}}{{mn}}.{{#bottoms}}{{tn.l}}{{mn}}"
		"{{bn}}.{{/bottoms}}{{/middles}}{{/tops}}",
		"{\"tops\":[{\"tn\":{\"l\":\"a\"},\"middles\":[{\"mn\":\"1\","
		"\"bottoms\":[{\"bn\":\"x\"},{\"bn\":\"y\"}]}]}]}",
		"a1.a1x.a1y.", NULL},
	{"section deep",
		"{{#a}}\n{{one}}\n{{#b}}\n{{one}}{{two}}{{one}}\n{{#c.d}}\n{{"
		"one}}{{three}}{{four}}\n{{/c.d}}\n{{/b}}\n{{/a}}\n",
		"{\"a\":{\"one\":1},\"b\":{\"two\":2},\"c\":{\"three\":3,\"d\":"
		"{\"three\":\"3d\",\"four\":4}}}",
		"1\n121\n13d4\n", NULL},
	{"section list", "{{#l}}{{i}}{{/l}}",
		"{\"l\":[{\"i\":1},{\"i\":2},{\"i\":3}]}", "123", NULL},
	{"section empty list", "({{#l}}Yay!{{/l}})", "{\"l\":[]}", "()", NULL},
	{"section doubled",
		"{{#b}}\n* first\n{{/b}}\n* {{two}}\n{{#b}}\n* third\n{{/b}}\n",
		"{\"b\":true,\"two\":\"second\"}",
		"* first\n* second\n* third\n", NULL},
	{"section nested truthy", "| A {{#b}}B {{#b}}C{{/b}} D{{/b}} E |",
		"{\"b\":true}", "| A B C D E |", NULL},
	{"section nested falsey", "| A {{#b}}B {{#b}}C{{/b}} D{{/b}} E |",
		"{\"b\":false}", "| A  E |", NULL},
	{"section context miss", "[{{#m}}found{{/m}}]", "{}", "[]", NULL},
	{"iterator string", "{{#l}}({{.}}){{/l}}", "{\"l\":[\"a\",\"b\"]}",
		"(a)(b)", NULL},
	{"iterator integer", "{{#l}}({{.}}){{/l}}", "{\"l\":[1,2,3]}",
		"(1)(2)(3)", NULL},
	{"iterator decimal", "{{#l}}({{.}}){{/l}}", "{\"l\":[1.1,2.2]}",
		"(1.1)(2.2)", NULL},
	{"iterator array", "{{#l}}({{#.}}{{.}}{{/.}}){{/l}}",
		"{\"l\":[[1,2],[\"a\"]]}", "(12)(a)", NULL},
	{"iterator escaped", "{{#l}}({{.}}){{/l}}", "{\"l\":[\"&\",\"<\"]}",
		"(&amp;)(&lt;)", NULL},
	{"iterator triple", "{{#l}}({{{.}}}){{/l}}", "{\"l\":[\"&\",\"<\"]}",
		"(&)(<)", NULL},
	{"iterator ampersand", "{{#l}}({{&.}}){{/l}}", "{\"l\":[\"&\",\"<\"]}",
		"(&)(<)", NULL},
	{"iterator root", "{{#.}}({{v}}){{/.}}",
		"[{\"v\":\"a\"},{\"v\":\"b\"}]", "(a)(b)", NULL},
	{"section dotted", "({{#a.b.c}}here{{/a.b.c}})",
		"{\"a\":{\"b\":{\"c\":true}}}", "(here)", NULL},
	{"section dotted broken", "({{#a.b.c}}here{{/a.b.c}})", "{\"a\":{}}",
		"()", NULL},
	{"section surrounding space", " | {{#b}}\t|\t{{/b}} | \n",
		"{\"b\":true}", " | \t|\t | \n", NULL},
	{"section internal space", " | {{#b}} {{! c }}\n {{/b}} | \n",
		"{\"b\":true}", " |  \n  | \n", NULL},
	{"section indented inline", " {{#b}}YES{{/b}}\n {{#b}}GOOD{{/b}}\n",
		"{\"b\":true}", " YES\n GOOD\n", NULL},
	{"standalone #", "| This Is\n{{#b}}\n|\n{{/b}}\n| A Line\n",
		"{\"b\":true}", "| This Is\n|\n| A Line\n", NULL},
	{"indented standalone #",
		"| This Is\n  {{#b}}\n|\n  {{/b}}\n| A Line\n", "{\"b\":true}",
		"| This Is\n|\n| A Line\n", NULL},
	{"standalone crlf #", "|\r\n{{#b}}\r\n{{/b}}\r\n|", "{\"b\":true}",
		"|\r\n|", NULL},
	{"without previous line #", "  {{#b}}\n#{{/b}}\n/", "{\"b\":true}",
		"#\n/", NULL},
	{"without newline #", "#{{#b}}\n/\n  {{/b}}", "{\"b\":true}", "#\n/\n",
		NULL},
	{"tag padding #", "|{{# b }}={{/ b }}|", "{\"b\":true}", "|=|", NULL},
	{"standalone ^", "| This Is\n{{^b}}\n|\n{{/b}}\n| A Line\n",
		"{\"b\":false}", "| This Is\n|\n| A Line\n", NULL},
	{"indented standalone ^",
		"| This Is\n  {{^b}}\n|\n  {{/b}}\n| A Line\n", "{\"b\":false}",
		"| This Is\n|\n| A Line\n", NULL},
	{"standalone crlf ^", "|\r\n{{^b}}\r\n{{/b}}\r\n|", "{\"b\":false}",
		"|\r\n|", NULL},
	{"without previous line ^", "  {{^b}}\n#{{/b}}\n/", "{\"b\":false}",
		"#\n/", NULL},
	{"without newline ^", "#{{^b}}\n/\n  {{/b}}", "{\"b\":false}", "#\n/\n",
		NULL},
	{"tag padding ^", "|{{^ b }}={{/ b }}|", "{\"b\":false}", "|=|", NULL},
	{"partial basic", "\"{{>p}}\"", "{}", "\"from partial\"",
		"from partial"},
	{"partial failed lookup", "\"{{>none}}\"", "{}", "\"\"", NULL},
	{"partial context", "\"{{>p}}\"", "{\"text\":\"content\"}",
		"\"*content*\"", "*{{text}}*"},
	{"partial surrounding space", "| {{>p}} |", "{}", "| \t|\t |", "\t|\t"},
	{"partial inline indentation", "  {{d}}  {{> p}}\n", "{\"d\":\"|\"}",
		"  |  >\n>\n", ">\n>"},
	{"partial crlf", "|\r\n{{>p}}\r\n|", "{}", "|\r\n>|", ">"},
	{"partial without previous line", "  {{>p}}\n>", "{}", "  >\n  >>",
		">\n>"},
	{"partial without newline", ">\n  {{>p}}", "{}", ">\n  >\n  >", ">\n>"},
	{"partial standalone indentation", "\\\n {{>p}}\n/\n",
		"{\"c\":\"<\\n->\"}", "\\\n |\n <\n->\n |\n/\n",
		"|\n{{{c}}}\n|\n"},
	{"partial padding", "|{{> p }}|", "{\"b\":true}", "|[]|", "[]"},
};

static void
each_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *p = cases[i].partial;
		struct template_source sources[] = {
			{"main", cases[i].text, strlen(cases[i].text)},
			{"p", p, p != NULL ? strlen(p) : 0}};
		struct template *t = NULL;
		struct verr e = {0};
		struct buf v_autobuf out = BUF(65536);
		cJSON *data = cJSON_Parse(cases[i].data);
		assert_non_null(data);
		if (template_compile(TEMPLATE_PLAIN, sources, p != NULL ? 2 : 1,
			    "main", NULL, &t, &e) == -1)
			fail_msg("%s: %s", cases[i].name, e.msg);
		if (template_render(t, data, &out, &e) == -1)
			fail_msg("%s: %s", cases[i].name, e.msg);
		if (strcmp(buf_text(&out), cases[i].want) != 0)
			fail_msg("%s: got '%s', not '%s'", cases[i].name,
				buf_text(&out), cases[i].want);
		template_free(t);
		cJSON_Delete(data);
	}
}

/* A partial within itself is refused rather than expanded without end. */
static void
recursion(void **state)
{
	(void)state;
	struct template_source sources[] = {
		{"main", "{{>p}}", 6}, {"p", "x{{#n}}{{>p}}{{/n}}", 18}};
	struct template *t = NULL;
	struct verr e = {0};
	assert_int_equal(template_compile(TEMPLATE_PLAIN, sources, 2, "main",
				 NULL, &t, &e),
		-1);
	assert_non_null(strstr(e.msg, "includes itself"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case),
		cmocka_unit_test(recursion),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
