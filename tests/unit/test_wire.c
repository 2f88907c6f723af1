/* Frames. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "poison.h"
#include "wire.h"

static void
test_bad_headers(void **state)
{
	(void)state;
	static const struct {
		unsigned char header[8];
		int r;
	} cases[] = {
		{{0, 0, 0, 0, WIRE_READY, 1, 0, 0}, 1},
		{{1, 0, 0, 0, WIRE_READY, 1, 0, 0}, 0},
		{{0, 0, 0, 0, WIRE_READY, 2, 0, 0}, -1},
		{{0, 0, 0, 0, WIRE_READY, 1, 1, 0}, -1},
		{{0, 0, 0, 0, WIRE_NONE, 1, 0, 0}, -1},
		{{0, 0, 0, 0, WIRE_TYPES, 1, 0, 0}, -1},
		{{0, 0, 0, 0, 255, 1, 0, 0}, -1},
		{{0, 0, 0, 0, WIRE_SPEC, 1, 0, 0}, -1},
		{{5, 0, 0, 0, WIRE_EXIT, 1, 0, 0}, -1},
		{{255, 255, 255, 255, WIRE_STDOUT, 1, 0, 0}, -1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire_frame f;
		struct verr e;
		size_t used;
		int r = wire_decode(
			cases[i].header, 8, WIRE_FROM_GUEST, &f, &used, &e);
		assert_int_equal(r, cases[i].r);
		if (r == -1)
			assert_int_equal(e.kind, VERR_PROTO);
	}
}

static void
test_every_type_round_trip(void **state)
{
	(void)state;
	for (unsigned t = WIRE_NONE + 1; t < WIRE_TYPES; t++) {
		struct verr e;
		struct buf v_autobuf out = BUF(1 << 20);
		size_t n = wire_type_max(t) < 100 ? wire_type_max(t) : 100;
		char data[100];
		memset(data, (int)t, sizeof(data));
		assert_int_equal(wire_append(&out, t, data, n, &e), 0);
		struct wire_frame f;
		size_t used;
		for (size_t cut = 0; cut < out.len; cut++)
			assert_int_equal(
				wire_decode(out.data, cut, ~0u, &f, &used, &e),
				0);
		assert_int_equal(
			wire_decode(out.data, out.len, ~0u, &f, &used, &e), 1);
		assert_int_equal(used, out.len);
		assert_int_equal(f.type, t);
		assert_int_equal(f.len, n);
		assert_memory_equal(f.data, data, n);
		assert_string_not_equal(wire_type_text(t), "unknown");
	}
	assert_string_equal(wire_type_text(WIRE_TYPES), "unknown");
}

static void
test_stream(void **state)
{
	(void)state;
	struct verr e;
	int pair[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
		wire_write2(pair[0], WIRE_STDOUT, "head", 4, "tail", 4, &e), 0);
	assert_int_equal(wire_write(pair[0], WIRE_READY, "", 0, &e), 0);
	assert_int_equal(wire_write(pair[0], WIRE_EXIT, "12345", 5, &e), -1);
	assert_int_equal(e.kind, VERR_LIMIT);
	assert_int_equal(write(pair[0], "\1", 1), 1);
	shutdown(pair[0], SHUT_WR);
	struct wire_reader r;
	struct wire_frame f;
	wire_reader_init(&r, pair[1], WIRE_FROM_GUEST);
	assert_int_equal(wire_read(&r, &f, &e), 1);
	assert_int_equal(f.len, 8);
	assert_memory_equal(f.data, "headtail", 8);
	assert_int_equal(wire_read(&r, &f, &e), 1);
	assert_int_equal(f.type, WIRE_READY);
	assert_int_equal(wire_read(&r, &f, &e), -1);
	assert_int_equal(e.kind, VERR_PROTO);
	wire_reader_done(&r);
	close(pair[1]);
	assert_int_equal(wire_write(pair[0], WIRE_READY, "", 0, &e), -1);
	assert_int_equal(e.sys, EPIPE);
	close(pair[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_every_type_round_trip),
		cmocka_unit_test(test_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
