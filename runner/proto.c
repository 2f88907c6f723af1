/* What the queue asks of the warden, and what the warden tells it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "fd.h"
#include "poison.h"
#include "proto.h"

struct rule {
	int from_queue;
	int carries_fd;
};

static const struct rule rules[] = {
	[PROTO_NONE] = {-1, 0},
	[PROTO_START] = {1, 1},
	[PROTO_PROBE] = {1, 1},
	[PROTO_KILL] = {1, 0},
	[PROTO_READY] = {1, 0},
	[PROTO_FREE] = {0, 0},
	[PROTO_LOST] = {0, 0},
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == PROTO_VERBS,
	"a rule for every verb");

int
proto_carries_fd(enum proto_verb verb)
{
	assert(verb > PROTO_NONE && verb < PROTO_VERBS);
	return rules[verb].carries_fd;
}

void
proto_encode(const struct proto_message *m, unsigned char out[PROTO_BYTES])
{
	assert(m->verb > PROTO_NONE && m->verb < PROTO_VERBS);
	out[0] = (unsigned char)m->verb;
	out[1] = (unsigned char)m->tier;
	out[2] = (unsigned char)m->runtime;
	out[3] = 0;
	for (int i = 0; i < 4; i++)
		out[4 + i] = (unsigned char)(m->slot >> (8 * i));
}

int
proto_decode(const void *data, size_t len, int from_queue, unsigned slots,
	struct proto_message *ret, struct verr *e)
{
	const unsigned char *p = data;
	if (len != PROTO_BYTES || p[3] != 0)
		return verr_set(e, VERR_PROTO, 0,
			"message of %zu bytes, not %d", len, PROTO_BYTES);
	if (p[0] >= PROTO_VERBS || rules[p[0]].from_queue != from_queue)
		return verr_set(e, VERR_PROTO, 0, "message with verb %u", p[0]);
	if (p[1] >= TIER_COUNT || p[2] >= RUNTIME_COUNT)
		return verr_set(e, VERR_PROTO, 0,
			"message about tier %u, runtime %u", p[1], p[2]);
	unsigned slot = (unsigned)p[4] | (unsigned)p[5] << 8 |
		(unsigned)p[6] << 16 | (unsigned)p[7] << 24;
	if (slot >= slots)
		return verr_set(e, VERR_PROTO, 0, "message about slot %u of %u",
			slot, slots);
	*ret = (struct proto_message){.verb = (enum proto_verb)p[0],
		.tier = (enum tier)p[1],
		.runtime = (enum runtime)p[2],
		.slot = slot};
	return 0;
}

int
proto_send(int sock, const struct proto_message *m, int fd, struct verr *e)
{
	unsigned char bytes[PROTO_BYTES];
	proto_encode(m, bytes);
	assert((fd != -1) == (rules[m->verb].carries_fd != 0));
	return fd_send(sock, bytes, sizeof(bytes), &fd, fd == -1 ? 0 : 1, e);
}

int
proto_recv(int sock, int from_queue, unsigned slots, struct proto_message *ret,
	int *ret_fd, struct verr *e)
{
	unsigned char bytes[PROTO_BYTES];
	int fds[FD_PASS_MAX];
	size_t count = 0;
	ssize_t n = fd_recv(sock, bytes, sizeof(bytes), fds, &count, e);
	if (n == -1)
		return -1;
	int v_autoclose fd = count == 1 ? fds[0] : -1;
	for (size_t i = 0; count > 1 && i < count; i++)
		close(fds[i]);
	if (n == 0)
		return 0;
	if (proto_decode(bytes, (size_t)n, from_queue, slots, ret, e) == -1)
		return -1;
	if (count != (size_t)rules[ret->verb].carries_fd)
		return verr_set(e, VERR_PROTO, 0,
			"message with %zu descriptors", count);
	*ret_fd = v_take_fd(&fd);
	return 1;
}
