/* Forms: any bytes, then a table of every type of parameter. */
#include "form.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const unsigned char *, size_t);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	static const char *const words[] = {"one", "two", NULL};
	static const struct param table[] = {
		{.name = "t", .type = PARAM_TEXT, .max = 10},
		{.name = "n", .type = PARAM_U64, .max = 100},
		{.name = "u", .type = PARAM_ULID},
		{.name = "w", .type = PARAM_WORD, .words = words},
		{.name = "j", .type = PARAM_JSON, .repeatable = true},
		{.name = "d", .type = PARAM_TIME},
		{.name = "b", .type = PARAM_BOOL},
		{0},
	};
	struct arena v_autoarena a = {0};
	struct form_limits limits = {64, 65536};
	struct form form;
	struct field_error f;
	struct verr e;
	if (form_parse(&a, (const char *)data, len, &limits, &form, &f, &e) ==
		0)
		param_check(table, &form, &f, &e);
	return 0;
}
