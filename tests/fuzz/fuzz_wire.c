/* Frames from a stranger: in one piece and in two. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "poison.h"
#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte chooses the directions that are allowed. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	unsigned directions = data[0];
	const uint8_t *p = data + 1;
	size_t left = size - 1;
	for (;;) {
		struct wire_frame f, again;
		struct verr e;
		size_t used, used_again;
		int r = wire_decode(p, left, directions, &f, &used, &e);
		if (r != 1)
			break;
		assert(used <= left && f.len <= wire_type_max(f.type));
		assert(f.data == p + WIRE_HEADER_BYTES);
		/* What was read is written the same. */
		struct buf v_autobuf out = BUF(used);
		assert(wire_append(&out, f.type, f.data, f.len, &e) == 0);
		assert(out.len == used && memcmp(out.data, p, used) == 0);
		assert(wire_decode(p, used, directions, &again, &used_again,
			       &e) == 1);
		p += used;
		left -= used;
	}
	return 0;
}
