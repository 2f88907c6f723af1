/* The warm pool's policy. */
#include "pool.h"
#include "poison.h"

#define SECOND_NS INT64_C(1000000000)
#define MAKE_NS INT64_C(5000000) /* before one was measured */
#define LEAST 6 /* so that half of them can be made later, in a pause */
#define CHANCE 3 /* arrivals come in bursts */

/* Arrivals a second: what is gone of the last one fades as this one grows. */
static int64_t
rate_at(const struct pool_class *c, int64_t now_ns)
{
	int64_t second = now_ns / SECOND_NS;
	int64_t left_ns = SECOND_NS - now_ns % SECOND_NS;
	if (second == c->second)
		return c->now + c->before * left_ns / SECOND_NS;
	if (second == c->second + 1)
		return c->now * left_ns / SECOND_NS;
	return 0;
}

void
pool_arrival(struct pool_class *c, int64_t now_ns)
{
	int64_t second = now_ns / SECOND_NS;
	if (second != c->second) {
		c->before = second == c->second + 1 ? c->now : 0;
		c->now = 0;
		c->second = second;
	}
	c->now++;
	c->arrival_ns = now_ns;
}

void
pool_made(struct pool_class *c, int64_t took_ns)
{
	c->make_ns = c->make_ns == 0 ? took_ns : (c->make_ns * 4 + took_ns) / 5;
}

unsigned
pool_target(
	const struct pool_class *c, const struct pool_bounds *b, int64_t now_ns)
{
	if (c->arrival_ns == 0 || now_ns - c->arrival_ns >= b->idle_ns)
		return 0;
	int64_t make = c->make_ns == 0 ? MAKE_NS : c->make_ns;
	int64_t want = rate_at(c, now_ns) * make * CHANCE / SECOND_NS + LEAST;
	return want > b->class_max ? b->class_max : (unsigned)want;
}

unsigned
pool_missing(unsigned target, unsigned have, unsigned have_all,
	const struct pool_bounds *b)
{
	unsigned missing = target > have ? target - have : 0;
	unsigned room = b->all_max > have_all ? b->all_max - have_all : 0;
	return missing < room ? missing : room;
}
