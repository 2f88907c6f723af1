/* lib/json_check: no byte string harms it, and what it takes, cJSON reads. */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_check.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* cJSON does not read half a surrogate pair nor a U+0000 escape. */
	if (!json_check(data, size) || memmem(data, size, "\\u", 2) != NULL)
		return 0;
	cJSON *read = cJSON_ParseWithLength((const char *)data, size);
	if (read == NULL)
		abort();
	cJSON_Delete(read);
	return 0;
}
