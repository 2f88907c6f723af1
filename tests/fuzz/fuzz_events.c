/* Server-sent events: the same events however the bytes are cut. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "events.h"
#include "poison.h"

static int
feed(struct events *s, const char *p, size_t n, struct buf *got)
{
	struct verr e;
	struct event v;
	int r;
	while ((r = events_feed(s, &p, &n, &v, &e)) == 1) {
		assert(v.data[v.len] == '\0');
		if (buf_adds(got, v.name, &e) == -1 ||
			buf_addc(got, '|', &e) == -1 ||
			buf_add(got, v.data, v.len, &e) == -1)
			return -1;
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct buf v_autobuf whole = BUF(4 << 20);
	struct buf v_autobuf cut = BUF(4 << 20);
	struct events s;
	events_init(&s);
	int all = feed(&s, p, size, &whole);
	events_done(&s);
	events_init(&s);
	int each = 0;
	for (size_t i = 0; i < size && each == 0; i++)
		each = feed(&s, p + i, 1, &cut);
	events_done(&s);
	assert(all == each && whole.len == cut.len);
	assert(memcmp(buf_text(&whole), buf_text(&cut), cut.len) == 0);
	return 0;
}
