/* Rows of the database as the records of the API. */
#ifndef RECORD_H
#define RECORD_H

#include "exchange.h"
#include "json.h"

/* What a run wrote to one stream; the caller's (buf_done). */
int record_stream(struct exchange *, const char *id, enum stream,
	struct buf *out, struct verr *);

/*
 * One record as api.md names it. `whole` adds what lies in other tables:
 * output of both streams, phases, metadata, artifacts.
 */
int record_write(struct exchange *, const struct db_workload *, bool whole,
	struct json *, struct verr *);

/* "key": text, or "key_base64" where the bytes are not UTF-8. */
void record_bytes(struct json *, const char *key, const void *, size_t n);

/*
 * Answers with the record of a workload that the asker may see: 404 when
 * there is none.
 */
int record_answer(struct exchange *, int status, const char *id, struct verr *);

/* One line of a log: {"seq","stream","text","t_ms"}. */
void record_line(struct json *, const struct db_chunk *);

/* 0 when the asker may see this workload, else 404. */
int record_may_see(struct exchange *, const char *id, struct verr *);

/* The refusal of an id that is not there or is another's. */
int record_missing(struct exchange *, const char *id, struct verr *);

#endif
