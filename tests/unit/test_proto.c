/* Messages between queue and warden: what is taken and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "poison.h"
#include "proto.h"

static void
round_trip(void **state)
{
	(void)state;
	for (int v = PROTO_NONE + 1; v < PROTO_VERBS; v++) {
		struct proto_message m = {.verb = (enum proto_verb)v,
			.tier = TIER_GVISOR,
			.runtime = RUNTIME_GO,
			.slot = 300};
		unsigned char bytes[PROTO_BYTES];
		struct proto_message got;
		struct verr e;
		int from_queue = v < PROTO_FREE;
		proto_encode(&m, bytes);
		assert_int_equal(proto_decode(bytes, sizeof(bytes), from_queue,
					 301, &got, &e),
			0);
		assert_memory_equal(&got, &m, sizeof(m));
		/* The other way round, and past the slots, it is nothing. */
		assert_int_equal(proto_decode(bytes, sizeof(bytes), !from_queue,
					 301, &got, &e),
			-1);
		assert_int_equal(proto_decode(bytes, sizeof(bytes), from_queue,
					 300, &got, &e),
			-1);
	}
}

static void
refused(void **state)
{
	(void)state;
	static const struct {
		size_t len;
		unsigned char bytes[9];
	} rows[] = {
		{0, {0}},
		{7, {1, 0, 0, 0, 0, 0, 0}},
		{9, {1, 0, 0, 0, 0, 0, 0, 0, 0}},
		{8, {0, 0, 0, 0, 0, 0, 0, 0}},
		{8, {PROTO_VERBS, 0, 0, 0, 0, 0, 0, 0}},
		{8, {255, 0, 0, 0, 0, 0, 0, 0}},
		{8, {1, TIER_COUNT, 0, 0, 0, 0, 0, 0}},
		{8, {1, 0, RUNTIME_COUNT, 0, 0, 0, 0, 0}},
		{8, {1, 0, 0, 1, 0, 0, 0, 0}},
		{8, {1, 0, 0, 0, 0, 0, 0, 128}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proto_message m;
		struct verr e;
		assert_int_equal(proto_decode(rows[i].bytes, rows[i].len, 1,
					 128, &m, &e),
			-1);
		assert_int_equal(e.kind, VERR_PROTO);
	}
}

static void
descriptors(void **state)
{
	(void)state;
	struct verr e;
	int s[2], fd;
	struct proto_message m = {.verb = PROTO_START, .slot = 1}, got;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s), 0);
	assert_int_equal(proto_send(s[0], &m, s[0], &e), 0);
	assert_int_equal(proto_recv(s[1], 1, 4, &got, &fd, &e), 1);
	assert_int_equal(got.slot, 1);
	assert_true(fd >= 0);
	close(fd);
	/* A start without its channel. */
	unsigned char bytes[PROTO_BYTES];
	proto_encode(&m, bytes);
	assert_int_equal(send(s[0], bytes, sizeof(bytes), 0), PROTO_BYTES);
	assert_int_equal(proto_recv(s[1], 1, 4, &got, &fd, &e), -1);
	assert_int_equal(e.kind, VERR_PROTO);
	close(s[0]);
	assert_int_equal(proto_recv(s[1], 1, 4, &got, &fd, &e), 0);
	close(s[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(refused),
		cmocka_unit_test(descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
