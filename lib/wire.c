/* vwire: frames between queue, keeper and guest. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "poison.h"
#include "wire.h"

struct rule {
	const char *text;
	size_t max;
	unsigned directions;
};

#define BOTH_IN (WIRE_TO_GUEST | WIRE_TO_KEEPER)
#define BOTH_OUT (WIRE_FROM_GUEST | WIRE_FROM_KEEPER)

static const struct rule rules[] = {
	[WIRE_NONE] = {"none", 0, 0},
	[WIRE_SPEC] = {"spec", WIRE_TEXT_BYTES, BOTH_IN},
	[WIRE_FILE] = {"file", WIRE_FILE_BYTES, BOTH_IN},
	[WIRE_COMPILED] = {"compiled", WIRE_FILE_BYTES,
		BOTH_IN | WIRE_FROM_KEEPER},
	[WIRE_INPUT] = {"input", WIRE_FILE_BYTES, BOTH_IN},
	[WIRE_STDIN] = {"stdin", WIRE_FILE_BYTES, BOTH_IN},
	[WIRE_GO] = {"go", 0, BOTH_IN},
	[WIRE_KILL] = {"kill", 32, WIRE_TO_KEEPER},
	[WIRE_READY] = {"ready", 4096, BOTH_OUT},
	[WIRE_STDOUT] = {"stdout", WIRE_CHUNK_BYTES + 8, BOTH_OUT},
	[WIRE_STDERR] = {"stderr", WIRE_CHUNK_BYTES + 8, BOTH_OUT},
	[WIRE_OUTPUT] = {"output", WIRE_FILE_BYTES, BOTH_OUT},
	[WIRE_ERROR] = {"error", 65536, BOTH_OUT},
	[WIRE_META] = {"meta", 4096, BOTH_OUT},
	[WIRE_EXIT] = {"exit", 4, WIRE_FROM_GUEST},
	[WIRE_STARTED] = {"started", 0, WIRE_FROM_KEEPER},
	[WIRE_RESULT] = {"result", 65536, WIRE_FROM_KEEPER},
	[WIRE_PLATFORM] = {"platform", 1024, WIRE_FROM_KEEPER},
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == WIRE_TYPES,
	"a rule for every frame type");

const char *
wire_type_text(unsigned type)
{
	return type < WIRE_TYPES ? rules[type].text : "unknown";
}

size_t
wire_type_max(enum wire_type type)
{
	assert(type > WIRE_NONE && type < WIRE_TYPES);
	return rules[type].max;
}

void
wire_header(enum wire_type type, size_t len, unsigned char *out)
{
	assert(type > WIRE_NONE && type < WIRE_TYPES);
	assert(len <= rules[type].max);
	for (int i = 0; i < 4; i++)
		out[i] = (unsigned char)(len >> (8 * i));
	out[4] = (unsigned char)type;
	out[5] = WIRE_VERSION;
	out[6] = out[7] = 0;
}

int
wire_decode(const void *data, size_t len, unsigned directions,
	struct wire_frame *ret, size_t *ret_used, struct verr *e)
{
	const unsigned char *p = data;
	if (len < WIRE_HEADER_BYTES)
		return 0;
	size_t payload = (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 |
		(size_t)p[3] << 24;
	unsigned type = p[4];
	if (p[5] != WIRE_VERSION || p[6] != 0 || p[7] != 0)
		return verr_set(e, VERR_PROTO, 0,
			"frame of version %u, this is version %u", p[5],
			WIRE_VERSION);
	if (type == WIRE_NONE || type >= WIRE_TYPES)
		return verr_set(
			e, VERR_PROTO, 0, "frame of unknown type %u", type);
	if ((rules[type].directions & directions) == 0)
		return verr_set(e, VERR_PROTO, 0,
			"frame '%s' in the wrong direction", rules[type].text);
	if (payload > rules[type].max)
		return verr_set(e, VERR_PROTO, 0,
			"frame '%s' of %zu bytes, at most %zu",
			rules[type].text, payload, rules[type].max);
	if (len - WIRE_HEADER_BYTES < payload)
		return 0;
	ret->type = (enum wire_type)type;
	ret->data = p + WIRE_HEADER_BYTES;
	ret->len = payload;
	*ret_used = WIRE_HEADER_BYTES + payload;
	return 1;
}

void
wire_reader_init(struct wire_reader *r, int fd, unsigned directions)
{
	*r = (struct wire_reader){.fd = fd, .directions = directions};
	buf_init(&r->in, WIRE_FILE_BYTES + 2 * WIRE_CHUNK_BYTES);
}

void
wire_reader_done(struct wire_reader *r)
{
	if (r != NULL)
		buf_done(&r->in);
}

int
wire_reader_next(struct wire_reader *r, struct wire_frame *ret, struct verr *e)
{
	size_t used;
	int found = wire_decode(buf_text(&r->in) + r->used, r->in.len - r->used,
		r->directions, ret, &used, e);
	if (found == 1)
		r->used += used;
	return found;
}

int
wire_reader_fill(struct wire_reader *r, struct verr *e)
{
	buf_drop(&r->in, r->used);
	r->used = 0;
	if (buf_reserve(&r->in, WIRE_CHUNK_BYTES, e) == -1)
		return -1;
	ssize_t n;
	do
		n = read(r->fd, r->in.data + r->in.len, WIRE_CHUNK_BYTES);
	while (n == -1 && errno == EINTR);
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 1;
	if (n == -1 && errno == ECONNRESET)
		return 0;
	if (n == -1)
		return verr_set(e, VERR_HOST, errno, "reading frames");
	if (n == 0)
		return 0;
	r->in.len += (size_t)n;
	r->in.data[r->in.len] = '\0';
	return 1;
}

int
wire_read(struct wire_reader *r, struct wire_frame *ret, struct verr *e)
{
	for (;;) {
		int found = wire_reader_next(r, ret, e);
		if (found != 0)
			return found;
		int filled = wire_reader_fill(r, e);
		if (filled == -1)
			return -1;
		if (filled == 0 && r->in.len > 0)
			return verr_set(e, VERR_PROTO, 0,
				"the peer ended in the middle of a frame");
		if (filled == 0)
			return 0;
	}
}

static int
write_all(int fd, struct iovec *iov, int count, struct verr *e)
{
	while (count > 0) {
		struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)count};
		ssize_t n = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (n == -1 && errno == ENOTSOCK)
			n = writev(fd, iov, count);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return verr_set(e, VERR_HOST, errno, "writing a frame");
		size_t done = (size_t)n;
		while (count > 0 && done >= iov->iov_len) {
			done -= iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= done;
		}
	}
	return 0;
}

int
wire_write2(int fd, enum wire_type type, const void *head, size_t head_len,
	const void *data, size_t len, struct verr *e)
{
	size_t max = wire_type_max(type);
	if (len > max || head_len > max - len)
		return verr_set(e, VERR_LIMIT, 0,
			"frame '%s' of %zu bytes, at most %zu",
			wire_type_text(type), len, max);
	unsigned char header[WIRE_HEADER_BYTES];
	wire_header(type, head_len + len, header);
	struct iovec iov[] = {
		{.iov_base = header, .iov_len = sizeof(header)},
		{.iov_base = (void *)(uintptr_t)head, .iov_len = head_len},
		{.iov_base = (void *)(uintptr_t)data, .iov_len = len},
	};
	return write_all(fd, iov, 3, e);
}

int
wire_write(int fd, enum wire_type type, const void *data, size_t len,
	struct verr *e)
{
	return wire_write2(fd, type, NULL, 0, data, len, e);
}

int
wire_append(struct buf *out, enum wire_type type, const void *data, size_t len,
	struct verr *e)
{
	if (len > wire_type_max(type))
		return verr_set(e, VERR_LIMIT, 0,
			"frame '%s' of %zu bytes, at most %zu",
			wire_type_text(type), len, wire_type_max(type));
	if (buf_reserve(out, WIRE_HEADER_BYTES + len, e) == -1)
		return -1;
	unsigned char header[WIRE_HEADER_BYTES];
	wire_header(type, len, header);
	if (buf_add(out, header, sizeof(header), e) == -1)
		return -1;
	return buf_add(out, data, len, e);
}
