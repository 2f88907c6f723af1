/* Multipart bodies: two ways of cutting the input must agree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "multipart.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const unsigned char *, size_t);

struct trace {
	uint64_t hash;
	unsigned open;
};

static void
mix(struct trace *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->hash = (t->hash ^ (unsigned char)p[i]) *
			UINT64_C(1099511628211);
}

static int
part_begin(void *arg, const struct multipart_part *p, struct verr *e)
{
	struct trace *t = arg;
	(void)e;
	if (t->open++ != 0)
		abort();
	mix(t, p->name, strlen(p->name) + 1);
	if (p->filename != NULL)
		mix(t, p->filename, strlen(p->filename) + 1);
	return 0;
}

static int
part_data(void *arg, const void *p, size_t n, struct verr *e)
{
	struct trace *t = arg;
	(void)e;
	if (t->open != 1)
		abort();
	mix(t, p, n);
	return 0;
}

static int
part_end(void *arg, struct verr *e)
{
	struct trace *t = arg;
	(void)e;
	t->open--;
	mix(t, "|", 1);
	return 0;
}

static int
parse(const char *p, size_t len, size_t piece, struct trace *t)
{
	static const struct multipart_sink sink = {
		part_begin, part_data, part_end};
	struct arena v_autoarena a = {0};
	struct multipart_limits limits = {16, 1 << 20};
	struct multipart m;
	struct verr e;
	*t = (struct trace){0};
	int r = multipart_init(&m, &a, "multipart/form-data; boundary=B-b",
		&limits, &sink, t, &e);
	for (size_t i = 0; r == 0 && i < len; i += piece)
		r = multipart_feed(
			&m, p + i, len - i < piece ? len - i : piece, &e);
	if (r == 0)
		r = multipart_end(&m, &e);
	multipart_done(&m);
	return r;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct trace whole, bytes;
	if (len == 0)
		return 0;
	int a = parse((const char *)data, len, len, &whole);
	int b = parse((const char *)data, len, 1, &bytes);
	if (a != b || (a == 0 && whole.hash != bytes.hash))
		abort();
	return 0;
}
