/* A result as a keeper sends it: what decodes encodes to the same again. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "poison.h"
#include "run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run_result first, second;
	struct verr e;
	if (run_result_decode(data, size, &first, &e) == -1) {
		assert(e.kind == VERR_PROTO);
		return 0;
	}
	struct buf v_autobuf a = BUF(65536);
	struct buf v_autobuf b = BUF(65536);
	assert(run_result_encode(&first, &a, &e) == 0);
	assert(run_result_decode(a.data, a.len, &second, &e) == 0);
	assert(run_result_encode(&second, &b, &e) == 0);
	assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	return 0;
}
