/* Configuration text. */
#include <assert.h>
#include <stdint.h>

#include "conf.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf c;
	struct verr e = {.kind = VERR_NONE};
	conf_defaults(&c);
	int r = conf_parse("fuzz.conf", (const char *)data, size, &c, &e);
	assert(r == 0 || e.kind == VERR_INPUT);
	if (r == 0) {
		struct buf v_autobuf out = BUF(1 << 20);
		assert(conf_print(&c, &out, &e) == 0);
	}
	return 0;
}
