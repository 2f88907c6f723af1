/* Compiled programs by the hash of their code, in STATE/cache/compiled. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "poison.h"
#include "queue.h"

#define CACHE_BYTES (256 << 20)
#define CACHE_FILES 4096
#define SWEEP_EVERY 64 /* files written between looks at the total */

static bool
is_hash(const char *s)
{
	return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int
open_folder(const struct queue *q)
{
	char path[CONF_PATH_BYTES + 32];
	snprintf(path, sizeof(path), "%s/cache/compiled", q->conf->state);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int
cache_get(const struct queue *q, const char *code_hash, struct buf *out)
{
	struct verr e;
	int v_autoclose folder = open_folder(q);
	if (folder == -1 || !is_hash(code_hash))
		return 0;
	if (fd_read_file(folder, code_hash, out, &e) == -1) {
		buf_reset(out);
		return 0;
	}
	/* The time says which is the oldest when room is made. */
	utimensat(folder, code_hash, NULL, 0);
	return 1;
}

struct entry {
	char name[65];
	off_t size;
	time_t used;
};

static int
by_age(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return (x->used > y->used) - (x->used < y->used);
}

/* Removes the oldest until half of what is allowed is free again. */
static void
make_room(int folder)
{
	DIR *d = fdopendir(openat(folder, ".", O_RDONLY | O_CLOEXEC));
	struct entry *all = calloc(2 * CACHE_FILES, sizeof(*all));
	size_t n = 0;
	off_t total = 0;
	for (struct dirent *x;
		d != NULL && all != NULL && (x = readdir(d)) != NULL;) {
		struct stat st;
		if (n == 2 * CACHE_FILES || !is_hash(x->d_name) ||
			fstatat(folder, x->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
				-1)
			continue;
		memcpy(all[n].name, x->d_name, sizeof(all[n].name));
		all[n].size = st.st_size;
		all[n++].used = st.st_mtime;
		total += st.st_size;
	}
	if (d != NULL)
		closedir(d);
	if (total > CACHE_BYTES || n > CACHE_FILES) {
		qsort(all, n, sizeof(*all), by_age);
		size_t left = n;
		for (size_t i = 0; i < n &&
			(total > CACHE_BYTES / 2 || left > CACHE_FILES / 2);
			i++, left--) {
			unlinkat(folder, all[i].name, 0);
			total -= all[i].size;
		}
	}
	free(all);
}

static int
put(int folder, const char *hash, const struct buf *b, struct verr *e)
{
	char part[80];
	snprintf(part, sizeof(part), ".%s", hash);
	unlinkat(folder, part, 0);
	int v_autoclose fd = openat(folder, part,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "creating %s", part);
	if (fd_write_all(fd, b->data, b->len, e) == -1) {
		unlinkat(folder, part, 0);
		return -1;
	}
	if (renameat(folder, part, folder, hash) == -1)
		return verr_set(e, VERR_HOST, errno, "renaming %s", part);
	return 0;
}

void
cache_put(const struct queue *q, const char *code_hash, const struct buf *b)
{
	static unsigned written;
	struct verr e;
	int v_autoclose folder = open_folder(q);
	if (folder == -1 || !is_hash(code_hash))
		return;
	if (put(folder, code_hash, b, &e) == -1)
		log_verr(&e, "the cache of compiled programs");
	if (written++ % SWEEP_EVERY == 0)
		make_room(folder);
}
