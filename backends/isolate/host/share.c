/* Lets children inherit the mapped pages of programs and libraries. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "buf.h"
#include "fd.h"
#include "poison.h"
#include "share.h"

/* This file's own page must not lose its right to run, even for a moment. */
static int
touch(uintptr_t from, uintptr_t to, int rights, struct verr *e)
{
	void *at = (void *)from;
	if (mprotect(at, to - from, rights | PROT_WRITE) == -1)
		return verr_set(e, VERR_HOST, errno, "mprotect");
	volatile char *byte = at;
	char same = *byte;
	*byte = same;
	if (mprotect(at, to - from, rights) == -1)
		return verr_set(e, VERR_HOST, errno, "mprotect");
	return 0;
}

/* One line of maps: "from-to rwxp offset device inode path" (proc(5)). */
static int
share_line(const char *line, struct verr *e)
{
	uintptr_t from, to;
	char rights[5];
	uint64_t inode;
	if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %" SCNu64,
		    &from, &to, rights, &inode) != 4 ||
		inode == 0)
		return 0;
	if (strcmp(rights, "r-xp") == 0)
		return touch(from, to, PROT_READ | PROT_EXEC, e);
	if (strcmp(rights, "r--p") == 0)
		return touch(from, to, PROT_READ, e);
	return 0;
}

int
share_mappings(struct verr *e)
{
	struct buf v_autobuf maps = BUF(1 << 20);
	if (fd_read_file(AT_FDCWD, "/proc/self/maps", &maps, e) == -1)
		return -1;
	char *rest = maps.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (share_line(line, e) == -1)
			return verr_wrap(e, "sharing pages");
	return 0;
}
