/* Descriptors: guards, whole reads and writes, passing them to a peer. */
#ifndef FD_H
#define FD_H

#include <stddef.h>
#include <sys/types.h>

#include "buf.h"
#include "verr.h"

/* Closes *fd when it is not -1 and sets it to -1. */
void fd_close(int *fd);

/* int v_autoclose fd = open(...); is closed at the end of its scope. */
#define v_autoclose __attribute__((cleanup(fd_close)))

/* Hands a guarded descriptor over: returns it, the guard holds -1. */
int v_take_fd(int *fd);

/* O_NONBLOCK on. */
int fd_nonblock(int fd, struct verr *);

/*
 * The file `name` beneath directory dirfd (AT_FDCWD for a path of our own),
 * appended to out. More than out->max is LIMIT; a missing file is HOST with
 * ENOENT.
 */
int fd_read_file(int dirfd, const char *name, struct buf *out, struct verr *);

/* What is left of an open file, appended to out; as fd_read_file. */
int fd_read_all(int fd, struct buf *out, struct verr *);

/* Writes all n bytes to fd, blocking. */
int fd_write_all(int fd, const void *, size_t n, struct verr *);

/*
 * One message with up to FD_PASS_MAX descriptors over a Unix socket. The
 * descriptors stay the caller's.
 */
#define FD_PASS_MAX 4
int fd_send(int sock, const void *, size_t n, const int *fds, size_t count,
	struct verr *);

/*
 * Receives one message: the bytes read into data (at most n), *ret_count
 * descriptors into fds, close-on-exec and the caller's to close. Returns the
 * number of bytes, 0 at the end of file, -1. A message cut short is PROTO.
 * With nothing to read on a non-blocking socket: HOST with EAGAIN.
 */
ssize_t fd_recv(int sock, void *data, size_t n, int fds[FD_PASS_MAX],
	size_t *ret_count, struct verr *);

#endif
