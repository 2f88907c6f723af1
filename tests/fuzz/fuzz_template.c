/* Templates in both modes: source, NUL, a partial, NUL, data as JSON. */
#include <string.h>

#include "body_json.h"
#include "poison.h"
#include "template.h"

int LLVMFuzzerTestOneInput(const unsigned char *, size_t);

static void
try_mode(enum template_mode mode, const struct template_source *sources,
	const cJSON *data)
{
	static const struct template_schema inner[] = {
		{"x", TEMPLATE_TEXT, NULL},
		{0},
	};
	static const struct template_schema schema[] = {
		{"a", TEMPLATE_TEXT, NULL},
		{"b", TEMPLATE_BOOL, NULL},
		{"o", TEMPLATE_OBJECT, inner},
		{"l", TEMPLATE_LIST, inner},
		{"t", TEMPLATE_TEXTS, NULL},
		{"j", TEMPLATE_JSON, NULL},
		{0},
	};
	struct template *t = NULL;
	struct verr e;
	struct buf v_autobuf out = BUF(1 << 18);
	if (template_compile(mode, sources, 2, "m", schema, &t, &e) == -1)
		return;
	template_render(t, data, &out, &e);
	template_free(t);
}

int
LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
	const char *text = (const char *)bytes;
	if (len > 8192)
		return 0;
	size_t one = strnlen(text, len);
	size_t at = one < len ? one + 1 : len;
	size_t two = strnlen(text + at, len - at);
	size_t rest = at + two < len ? at + two + 1 : len;
	struct template_source sources[] = {
		{"m", text, one}, {"p", text + at, two}};
	struct body_json_limits limits = {8192, 512};
	struct field_error f;
	struct verr e;
	cJSON v_autocjson *data = NULL;
	if (body_json_parse(text + rest, len - rest, &limits, &data, &f, &e) ==
		-1)
		data = cJSON_CreateObject();
	try_mode(TEMPLATE_HTML, sources, data);
	try_mode(TEMPLATE_PLAIN, sources, data);
	return 0;
}
