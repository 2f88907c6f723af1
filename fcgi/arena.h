/* The memory of one request: taken piece by piece, freed at its end. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena_block;

/*
 * What it gives out stays valid until arena_reset or arena_done. Without
 * memory the process writes one line to standard error and aborts: a worker
 * holds nothing but its request, and the pool starts another.
 */
struct arena {
	struct arena_block *blocks; /* newest first */
};

void arena_init(struct arena *);

/* Frees everything; harmless when it is empty or done. */
void arena_done(struct arena *);

/* Frees everything but one small block, ready for the next request. */
void arena_reset(struct arena *);

/* n zeroed bytes, aligned for any type; count * size is checked. */
void *arena_alloc(struct arena *, size_t n);
void *arena_array(struct arena *, size_t count, size_t size);

/* Copies with a NUL behind them. */
char *arena_strdup(struct arena *, const char *);
char *arena_bytes(struct arena *, const void *, size_t n);

char *arena_printf(struct arena *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline void
v_arena_guard(struct arena *a)
{
	arena_done(a);
}
/* struct arena v_autoarena a = {0}; is freed at the end of its scope. */
#define v_autoarena __attribute__((cleanup(v_arena_guard)))

#endif
