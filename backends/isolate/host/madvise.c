/*
 * V8 marks its pages MADV_DONTFORK (10), and a child forked from a process
 * with an isolate would run into the holes. The executable's symbols come
 * before the libraries', so this madvise is the one that V8 calls.
 */
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "poison.h"

int
madvise(void *address, size_t len, int advice)
{
	if (advice == MADV_DONTFORK)
		return 0;
	return (int)syscall(SYS_madvise, address, len, advice);
}
