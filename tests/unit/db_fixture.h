/* A fresh database in a folder of its own, for tests of lib/db. */
#ifndef DB_FIXTURE_H
#define DB_FIXTURE_H

#include "db.h"

struct fixture {
	char folder[64];
	char path[96];
	struct db *web, *queue, *admin;
	int64_t user_id; /* "ann", an administrator */
	struct verr e;
};

/* cmocka's setup and teardown: *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The text of schema.sql; the caller frees it. */
char *fixture_schema(void);

/* Makes folder and database without opening it. */
void fixture_make(struct fixture *, const char *parent);
void fixture_open(struct fixture *);
void fixture_close(struct fixture *);
void fixture_remove(struct fixture *);

/* A small JavaScript workload of a user; pointers to constants. */
struct db_submission fixture_submission(int64_t user_id);

/* Accepts one and returns its id in out. */
void fixture_submit(struct fixture *, char out[ULID_TEXT_BYTES]);

/* Claims it with a token and returns the run. */
int64_t fixture_claim(struct fixture *, const char *id, const char *token);

/* Finishes a run as completed: what db_run_finish answers. */
int fixture_finish(struct fixture *, int64_t run_id, const char *token);

/* The first column of the only row of any SQL, by a connection of its own. */
int64_t fixture_ask(const struct fixture *, const char *sql);

#endif
