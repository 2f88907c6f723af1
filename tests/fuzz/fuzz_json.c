/* JSON bodies: what the scanner accepts, cJSON must accept too. */
#include <stdlib.h>

#include "body_json.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const unsigned char *, size_t);

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct body_json_limits limits = {65536, 4096};
	struct field_error f;
	struct verr e;
	cJSON v_autocjson *body = NULL;
	const char *text = (const char *)data;
	if (body_json_parse(text, len, &limits, &body, &f, &e) == -1) {
		if (e.kind != VERR_INPUT && e.kind != VERR_LIMIT)
			abort();
		return 0;
	}
	struct json_in in;
	const char *span;
	size_t n;
	uint64_t v;
	if (json_root(body, &in, &f, &e) == -1)
		return 0;
	json_get_u64(&in, "a", 0, UINT64_MAX, &v, &f, &e);
	if (cJSON_GetObjectItemCaseSensitive(body, "a") != NULL &&
		body_json_span(text, len, "a", &span, &n) != 1)
		abort();
	return 0;
}
