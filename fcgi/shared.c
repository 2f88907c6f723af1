/* Memory that the workers of a pool share. */
#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#include "poison.h"
#include "shared.h"

#define WINDOW_MS 60000

int
shared_new(struct shared **ret, struct verr *e)
{
	void *p = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return verr_set(e, VERR_HOST, errno,
			"cannot map the memory that workers share");
	*ret = p;
	return 0;
}

size_t
shared_claimed(const struct shared_claims *c)
{
	size_t n = 0;
	for (size_t i = 0; i < SHARED_SLOTS; i++)
		n += atomic_load(&c->held[i]);
	return n;
}

bool
shared_claim(struct shared_claims *c, size_t slot, uint64_t max)
{
	assert(slot < SHARED_SLOTS);
	/*
	 * First claim, then count: of two that come together both may be
	 * refused, but never is one too many let in.
	 */
	atomic_store(&c->held[slot], 1);
	if (shared_claimed(c) <= max)
		return true;
	atomic_store(&c->held[slot], 0);
	return false;
}

void
shared_release(struct shared_claims *c, size_t slot)
{
	assert(slot < SHARED_SLOTS);
	atomic_store(&c->held[slot], 0);
}

void
shared_forget(struct shared *s, size_t slot)
{
	shared_release(&s->waiting, slot);
	shared_release(&s->logins, slot);
}

bool
shared_attempt(struct shared *s, uint64_t who, unsigned max, int64_t now_ms)
{
	struct shared_bucket *b = &s->buckets[who % SHARED_BUCKETS];
	int64_t window = now_ms / WINDOW_MS;
	int64_t seen = atomic_load(&b->window);
	if (seen != window &&
		atomic_compare_exchange_strong(&b->window, &seen, window))
		atomic_store(&b->count, 0);
	return atomic_fetch_add(&b->count, 1) < max;
}
