/* Large files of programs: STATE/blobs, each named by its SHA-256. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "blob.h"
#include "fd.h"
#include "poison.h"

/* The group reads blobs: the queue gives them to runs. */
#define BLOB_MODE 0440

/* Gives an anonymous file its name; one that is there already is the same. */
static int
publish(const struct web *w, int fd, const char *sha256, struct verr *e)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fchmod(fd, BLOB_MODE) == -1 || fdatasync(fd) == -1)
		return verr_set(e, VERR_HOST, errno, "cannot keep a file");
	if (linkat(AT_FDCWD, path, w->blobs_fd, sha256, AT_SYMLINK_FOLLOW) ==
		-1) {
		if (errno == EEXIST)
			return 0;
		return verr_set(
			e, VERR_HOST, errno, "cannot keep a file in blobs");
	}
	if (fsync(w->blobs_fd) == -1)
		return verr_set(e, VERR_HOST, errno, "cannot sync blobs");
	return 0;
}

static int
write_new(const struct web *w, const struct submit_file *f, struct verr *e)
{
	int v_autoclose fd =
		openat(w->blobs_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot make a file in blobs");
	if (fd_write_all(fd, f->data, f->len, e) == -1)
		return verr_wrap(e, "cannot keep a file");
	return publish(w, fd, f->sha256, e);
}

static int
read_small(struct exchange *x, struct submit_file *f, struct verr *e)
{
	char *text = arena_alloc(x->arena, f->len + 1);
	size_t got = 0;
	while (got < f->len) {
		ssize_t n = pread(f->fd, text + got, f->len - got, (off_t)got);
		if (n <= 0)
			return verr_set(e, VERR_HOST, n == 0 ? EIO : errno,
				"cannot read an uploaded file back");
		got += (size_t)n;
	}
	f->data = text;
	return 0;
}

int
blob_keep(struct exchange *x, struct submit_file *f, struct verr *e)
{
	if (f->data == NULL && f->fd == -1)
		return 0;
	if (f->fd != -1) {
		if (f->len > SUBMIT_INLINE_BYTES)
			return publish(x->web, f->fd, f->sha256, e);
		return read_small(x, f, e);
	}
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, f->data, f->len);
	char *hex = arena_alloc(x->arena, DB_TOKEN_BYTES);
	sodium_bin2hex(hex, DB_TOKEN_BYTES, hash, sizeof(hash));
	f->sha256 = hex;
	if (f->len <= SUBMIT_INLINE_BYTES)
		return 0;
	if (write_new(x->web, f, e) == -1)
		return -1;
	f->data = NULL;
	return 0;
}

int
blob_read(const struct web *w, const char *sha256, size_t max, struct buf *out,
	struct verr *e)
{
	int v_autoclose fd =
		openat(w->blobs_fd, sha256, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return verr_set(
			e, VERR_HOST, errno, "cannot open blob %s", sha256);
	while (max > 0) {
		char part[8192];
		ssize_t n =
			read(fd, part, max < sizeof(part) ? max : sizeof(part));
		if (n == -1)
			return verr_set(e, VERR_HOST, errno,
				"cannot read blob %s", sha256);
		if (n == 0)
			break;
		if (buf_add(out, part, (size_t)n, e) == -1)
			return -1;
		max -= (size_t)n;
	}
	return 0;
}
