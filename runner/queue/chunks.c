/* The part of a run's log that is not in the database yet. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "chunks.h"
#include "poison.h"
#include "utf8.h"

void
chunks_init(struct chunks *c)
{
	*c = (struct chunks){.next_seq = 1};
}

void
chunk_free(struct chunk *k)
{
	if (k != NULL)
		free(k->data);
	free(k);
}

struct chunk *
chunks_take(struct chunks *c)
{
	struct chunk *k = c->first;
	if (k == NULL)
		return NULL;
	c->first = k->next;
	if (c->first == NULL)
		c->last = NULL;
	c->bytes -= k->len;
	k->next = NULL;
	return k;
}

void
chunks_done(struct chunks *c)
{
	for (struct chunk *k; (k = chunks_take(c)) != NULL;)
		chunk_free(k);
}

/* The length that a character's first byte announces, 0 for no first byte. */
static size_t
announced(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t
chunks_tail(const void *data, size_t n)
{
	const unsigned char *p = data;
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		unsigned char c = p[n - back];
		if ((c & 0xc0) == 0x80)
			continue;
		return announced(c) > back ? back : 0;
	}
	return 0;
}

static struct chunk *
new_chunk(struct chunks *c, enum stream s, int64_t t_ns, struct verr *e)
{
	struct chunk *k = calloc(1, sizeof(*k));
	if (k == NULL) {
		verr_set(e, VERR_HOST, ENOMEM, "log chunk");
		return NULL;
	}
	k->seq = c->next_seq++;
	k->stream = s;
	k->t_ns = t_ns;
	if (c->last != NULL)
		c->last->next = k;
	else
		c->first = k;
	c->last = k;
	return k;
}

static int
put(struct chunks *c, struct chunk *k, const void *data, size_t n,
	struct verr *e)
{
	if (k->room - k->len < n) {
		size_t room = k->room == 0 ? 512 : k->room;
		while (room - k->len < n)
			room *= 2;
		char *bigger = realloc(k->data, room);
		if (bigger == NULL)
			return verr_set(e, VERR_HOST, ENOMEM, "log chunk");
		k->data = bigger;
		k->room = room;
	}
	memcpy(k->data + k->len, data, n);
	k->len += n;
	c->bytes += n;
	return 0;
}

/* Adds bytes that end at the end of a character, or are to be cut anyway. */
static int
add(struct chunks *c, enum stream s, int64_t t_ns, const char *p, size_t n,
	struct verr *e)
{
	while (n > 0) {
		struct chunk *k = c->last;
		if (k == NULL || k->stream != s || k->len + 4 > CHUNK_BYTES) {
			k = new_chunk(c, s, t_ns, e);
			if (k == NULL)
				return -1;
		}
		size_t part = utf8_cut(p, n, CHUNK_BYTES - k->len);
		if (put(c, k, p, part, e) == -1)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

int
chunks_add(struct chunks *c, enum stream s, int64_t t_ns, const void *data,
	size_t n, struct verr *e)
{
	assert(s >= 0 && s < STREAM_COUNT);
	const char *p = data;
	if (c->held[s].len > 0) {
		/* Give the unfinished character its next bytes. */
		while (n > 0 && c->held[s].len < 4 &&
			((unsigned char)*p & 0xc0) == 0x80) {
			c->held[s].bytes[c->held[s].len++] = *p++;
			n--;
		}
		size_t len = c->held[s].len;
		if (n == 0 && len < 4 &&
			chunks_tail(c->held[s].bytes, len) != 0)
			return 0;
		c->held[s].len = 0;
		if (add(c, s, c->held[s].t_ns, c->held[s].bytes, len, e) == -1)
			return -1;
	}
	size_t tail = chunks_tail(p, n);
	if (add(c, s, t_ns, p, n - tail, e) == -1)
		return -1;
	memcpy(c->held[s].bytes, p + n - tail, tail);
	c->held[s].len = tail;
	c->held[s].t_ns = t_ns;
	return 0;
}

int
chunks_end(struct chunks *c, struct verr *e)
{
	for (int s = 0; s < STREAM_COUNT; s++) {
		size_t len = c->held[s].len;
		c->held[s].len = 0;
		if (add(c, (enum stream)s, c->held[s].t_ns, c->held[s].bytes,
			    len, e) == -1)
			return -1;
	}
	return 0;
}
