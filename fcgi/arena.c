/* The memory of one request: taken piece by piece, freed at its end. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "poison.h"

#define BLOCK_BYTES 16384
#define ALIGN _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t room;
	size_t used;
	_Alignas(max_align_t) char data[];
};

void
arena_init(struct arena *a)
{
	*a = (struct arena){0};
}

static void
free_from(struct arena_block *b)
{
	while (b != NULL) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
}

void
arena_done(struct arena *a)
{
	if (a == NULL)
		return;
	free_from(a->blocks);
	a->blocks = NULL;
}

void
arena_reset(struct arena *a)
{
	struct arena_block *keep = a->blocks;
	while (keep != NULL && keep->room != BLOCK_BYTES) {
		struct arena_block *next = keep->next;
		free(keep);
		keep = next;
	}
	if (keep != NULL) {
		free_from(keep->next);
		keep->next = NULL;
		keep->used = 0;
	}
	a->blocks = keep;
}

static void __attribute__((noreturn)) out_of_memory(size_t n)
{
	fprintf(stderr, "arena: no memory for %zu bytes, giving up\n", n);
	abort();
}

static struct arena_block *
block_for(struct arena *a, size_t n)
{
	size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;
	size_t all;
	if (__builtin_add_overflow(room, sizeof(struct arena_block), &all))
		out_of_memory(n);
	struct arena_block *b = malloc(all);
	if (b == NULL)
		out_of_memory(n);
	b->room = room;
	b->used = 0;
	/* One large piece must not shut the block that still has room. */
	if (room > BLOCK_BYTES && a->blocks != NULL) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

static char *
take(struct arena *a, size_t n)
{
	size_t whole;
	if (__builtin_add_overflow(n, ALIGN - 1, &whole))
		out_of_memory(n);
	whole &= ~(ALIGN - 1);
	struct arena_block *b = a->blocks;
	if (b == NULL || b->room - b->used < whole)
		b = block_for(a, whole);
	char *p = b->data + b->used;
	b->used += whole;
	return p;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n > 0 ? n : 1);
	memset(p, 0, n);
	return p;
}

void *
arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n))
		out_of_memory(SIZE_MAX);
	return arena_alloc(a, n);
}

char *
arena_bytes(struct arena *a, const void *p, size_t n)
{
	char *copy = take(a, n + 1);
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_bytes(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *text = take(a, n < 0 ? 1 : (size_t)n + 1);
	text[0] = '\0';
	if (n > 0)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	return text;
}
