/* One request and its answer on their way through a worker. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "buf.h"
#include "conf.h"
#include "db.h"
#include "field.h"
#include "form.h"
#include "request.h"
#include "route.h"
#include "shared.h"
#include "template.h"
#include "upload.h"
#include "verr.h"

/* What a worker has for its whole life; all of it is borrowed. */
struct web {
	const struct conf *conf;
	struct db *db;
	const struct templates *pages;
	struct shared *shared;
	size_t slot; /* this worker's place in shared */
	int bell_fd; /* datagrams to and from the queue; -1: none */
	int blobs_fd; /* STATE/blobs */
	int state_fd; /* STATE */
	const volatile sig_atomic_t *stopping;
};

/* Where the request's body comes from and its answer goes. */
struct peer {
	void *arg;
	/* Bytes read, 0 at the end, -1 when the peer is gone. */
	ssize_t (*read)(void *arg, void *data, size_t n);
	int (*write)(void *arg, const void *data, size_t n);
	int fd; /* its end of file means that nobody waits; -1: unknown */
};

/* Who asks. Strings live in the arena. */
enum identity_kind { IDENTITY_NONE, IDENTITY_SESSION, IDENTITY_KEY };
struct identity {
	enum identity_kind kind;
	int64_t user_id;
	const char *name;
	bool is_admin;
	const char *session_hash; /* of a session */
	const char *csrf_secret; /* of a session */
};

/* The user whose rows may be seen: 0 stands for everybody's. */
static inline int64_t
identity_scope(const struct identity *who)
{
	return who->is_admin ? 0 : who->user_id;
}

struct response {
	int status;
	struct buf head; /* header lines, each with its CRLF */
	struct buf body;
};

struct exchange {
	struct web *web;
	struct peer *peer;
	struct arena *arena;
	struct request req;
	struct route_match match;
	struct identity who;
	struct form query; /* checked against the route */
	struct form form; /* the same; a multipart form too */
	struct upload *upload; /* NULL: the body was not multipart */
	const char *body; /* as it came, unless it was multipart */
	size_t body_len;
	bool has_json; /* body is JSON */
	struct response res;

	/* About a refusal, beside its struct verr. */
	struct field_error field;
	int refused; /* status; 0: by the kind of the error */
	unsigned retry_after_s;
};

/*
 * Refuses with a status of its own: sets the error (INPUT) and returns -1.
 * The hint may be NULL.
 */
int refuse(struct exchange *, int status, const char *hint, struct verr *,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* As refuse with 422 and the name of the field at fault. */
int refuse_field(struct exchange *, const char *field, const char *hint,
	struct verr *, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

#endif
