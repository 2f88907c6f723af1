/* A FastCGI connection before libfcgi reads it. */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "verr.h"

#define CONN_HEAD_BYTES 196608 /* all records up to the end of PARAMS */
#define CONN_PAIR_BYTES 131072 /* one name and its value */

/*
 * Looks at the records from BEGIN_REQUEST to the empty PARAMS (FastCGI 1.0,
 * sections 3.3, 3.4, 5.1 and 5.2): 1 all there and sound, 0 more is needed,
 * -1 PROTO. libfcgi asks for as much memory as a length says and ends the
 * process when there is none, so lengths are held against bounds first.
 * *ret_whole: the empty STDIN record of a request without a body is there too.
 */
int conn_check(
	const unsigned char *head, size_t len, bool *ret_whole, struct verr *);

/*
 * Accepts the next connection whose head is sound, waiting for it; one that
 * is not, or is slow, is dropped. Bounds the time that later reads and writes
 * take. -1 when accepting fails: HOST with its errno, EINTR among them.
 */
int conn_accept(int listen_fd, int *ret_fd, bool *ret_whole, struct verr *);

/*
 * Closes a connection whose request came whole and was answered. Nothing may
 * be left unread, or the peer would lose the answer (unix(7)).
 */
void conn_close(int fd);

#endif
