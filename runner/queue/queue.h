/* The queue's own state, shared by its files; role.c tells the story. */
#ifndef QUEUE_H
#define QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "bell.h"
#include "buf.h"
#include "chunks.h"
#include "conf.h"
#include "db.h"
#include "pool.h"
#include "proc.h"
#include "proto.h"
#include "publish.h"
#include "run.h"
#include "stats.h"
#include "wire.h"

/* Frames for a keeper are made as it takes them, not all at once. */
#define FEED_BYTES (256u << 10)
#define FEED_MAX_BYTES (128u << 20)

struct blob {
	char *name;
	char sha256[65];
};

/* Which part of a run's frames comes next. */
enum feed { FEED_HEAD, FEED_BLOBS, FEED_COMPILED, FEED_TAIL, FEED_DONE };

/* A claimed workload, from the claim until its end is in the database. */
struct run {
	char id[ULID_TEXT_BYTES];
	int64_t run_id;
	char token[DB_TOKEN_BYTES];
	int64_t user_id;
	int64_t attempt;
	enum tier tier;
	enum runtime runtime;
	struct run_limits limits;
	char code_hash[DB_TOKEN_BYTES];
	int64_t queued_ns; /* from creation to the claim */
	int64_t base_ns; /* what t_ms of its log counts from */
	bool claimed; /* the claim is committed */
	bool unreadable; /* no keeper can be given it */
	bool warm;
	bool sandbox_made; /* the keeper was ready for it */

	/* What its keeper is still to be given. */
	enum feed feed;
	struct buf head, tail;
	struct blob *blobs;
	size_t blob_count, blob_next;

	/* What the keeper said. */
	bool started;
	bool cancelled; /* its end was asked for */
	bool ended; /* nothing more will come */
	bool has_result;
	struct run_result result;
	struct verr platform; /* without a result: why */
	struct buf output, error, compiled;
	const char *detail; /* in error, past its first line */
	uint64_t kept_bytes; /* of stdout and stderr */

	/* What of it the database has. */
	struct chunks log;
	int64_t log_due_ns; /* when to write the next chunk, 0: at once */
	int64_t written_seq; /* last chunk in this transaction */
	int64_t started_due_ns; /* when to write that it started, 0: written */
	bool writing_start;
	bool writing_end;
	enum status status;
	enum reason reason;
	bool gave_back;
	bool lost; /* the claim is not ours any more: write nothing */
	bool spoiled; /* the database refused it: its keeper is of no use */
};

enum seat_state { SEAT_FREE, SEAT_MAKING, SEAT_WARM, SEAT_BUSY, SEAT_ENDING };

/* The queue's side of one slot and the keeper in it. */
struct seat {
	enum seat_state state;
	enum tier tier;
	enum runtime runtime;
	bool probe;
	bool freed; /* the warden proved the slot empty */
	bool ready; /* the keeper's sandbox is made */
	bool complained;
	int fd; /* channel, -1: none */
	bool wants_out;
	struct wire_reader in;
	struct buf out;
	size_t out_sent;
	int64_t asked_ns;
	int64_t deadline_ns; /* when the warden ends the keeper, 0: never */
	struct run *run;
	int64_t result_run_id; /* whose result came, and when */
	int64_t result_ns;
};

struct tier_state {
	bool known; /* a probe has answered */
	bool usable;
	bool probing;
	bool doubted; /* usable, but the last probe could not tell */
	unsigned probe_failures; /* in a row */
	int64_t probe_due_ns;
	bool pending; /* the last poll saw work for it */
	bool put_due; /* the backends row is to be written */
	char engine[24], engine_version[64], runtimes[128];
	char reason[256], remedy[256];
	unsigned warm_shown;
	unsigned failures; /* of Vulcan, in a row */
	int64_t hold_until_ns; /* no claims before, after failures */
	int64_t users_past; /* the next claims begin behind this user */
};

/* How long keepers took to end after their results. */
#define TEARDOWNS_MAX 1024

struct teardown {
	int64_t run_id;
	int64_t took_ns;
};

/* Channels of finished workloads wait a while for late readers. */
#define FAREWELLS 4096

struct farewell {
	char id[ULID_TEXT_BYTES];
	int64_t due_ns;
};

/* What to do once the transaction is through. */
#define SETTLED_MAX 256

struct queue {
	const struct conf *conf;
	struct db *db;
	int epoll;
	int signals;
	int control; /* to the warden */
	int64_t now_ns;
	char boot_id[PROC_BOOT_ID_BYTES];
	unsigned cpus;

	struct bell bell;
	bool rewatch; /* the bell is a new socket */
	struct waiters waiters;
	struct publish publish;
	struct stats stats;

	struct seat *seats; /* conf->slots of them */
	unsigned seat_count;
	struct pool_class pool[TIER_COUNT][RUNTIME_COUNT];
	struct tier_state tiers[TIER_COUNT];

	bool look; /* there may be pending work */
	bool look_cancel; /* there may be ends asked for */
	bool backlog; /* pending work was left for want of room */
	bool capped; /* or because its users run as much as they may */
	bool held; /* or because a tier is on hold */
	int64_t poll_due_ns;
	int64_t beat_due_ns;
	int64_t retry_ns; /* the database failed: not before */
	unsigned db_failures;
	int64_t warm_put_ns;

	struct farewell *farewells; /* a ring */
	size_t farewell_first, farewell_count;

	/* Written with whatever is written next. */
	struct teardown teardowns[TEARDOWNS_MAX];
	size_t teardown_count;
	bool teardowns_due;

	/* Pending workloads settled in this transaction. */
	char settled[SETTLED_MAX][ULID_TEXT_BYTES];
	size_t settled_count;

	bool draining;
	bool hurry; /* told twice */
	int64_t drain_end_ns;
	bool over;
	int exit_code;
};

/* What epoll tells; seats follow from WATCH_SEAT on. */
enum watch {
	WATCH_SIGNALS,
	WATCH_CONTROL,
	WATCH_BELL,
	WATCH_PUBLISH,
	WATCH_SEAT
};

/* seats.c: keepers, their channels and deadlines. */
int seats_init(struct queue *, struct verr *);
void seats_done(struct queue *);
/* A free seat, -1: none. */
int seats_find_free(const struct queue *);
/* A warm one of the class, the oldest; -1: none. */
int seats_find_warm(const struct queue *, enum tier, enum runtime);
/* Has the warden fork a keeper (or a prober) into a free seat. */
int seat_start(struct queue *, unsigned slot, enum tier, enum runtime,
	bool probe, struct verr *);
/* The seat's run is claimed: its keeper gets it, warm or in the making. */
void seat_attach(struct queue *, unsigned slot);
/* Gives the seat's run to its keeper, as far as it takes it now. */
void seat_feed(struct queue *, unsigned slot);
void seat_event(struct queue *, unsigned slot, uint32_t events);
/* The warden's word that the slot is empty. */
void seat_freed(struct queue *, unsigned slot);
/* Asks the keeper to end its run; the warden ends the keeper otherwise. */
void seat_cancel(struct queue *, unsigned slot, enum reason);
/* The warden ends the keeper now. */
void seat_kill(struct queue *, unsigned slot);
/* Lets go of a warm keeper. */
void seat_dismiss(struct queue *, unsigned slot);
/* Frees the run of a seat and, where its slot is empty, the seat. */
void seat_settle(struct queue *, unsigned slot);
void seats_check_deadlines(struct queue *);
unsigned seats_count(const struct queue *, enum seat_state);

/* runs.c: one claimed workload. */
struct run *run_new(void);
void run_free(struct run *);
/* Reads from the database what the keeper is to be given. */
int run_load(struct queue *, struct run *, struct verr *);
/* Appends the next of its frames: 1 there was one, 0 all are out. */
int run_next_frames(
	struct queue *, struct run *, struct buf *out, struct verr *);
/* Takes one frame of the keeper. PROTO when it may not come now. */
int run_take(
	struct queue *, struct run *, const struct wire_frame *, struct verr *);
/* Nothing more will come of it, for this reason. */
void run_fail(struct queue *, struct run *, const struct verr *);
/* Milliseconds from the start of the run to a moment. */
double run_t_ms(const struct run *, int64_t t_ns);
/* When it next has something for the database, 0: nothing. */
int64_t run_due(const struct run *);
/* Writes what is due; announces it after the commit. */
int run_write(struct queue *, struct run *, bool *ret_durable, struct verr *);
void run_undo(struct run *);
void run_announce(struct queue *, struct run *);

/* claim.c: who goes next. */
int claim_all(struct queue *, struct verr *);
bool claim_is_possible(const struct queue *);
/* A run or a slot has ended: what was left may go now. */
void claim_again(struct queue *);
/* Lets the tiers go whose hold is over. */
void claim_check_holds(struct queue *);
void claim_undo(struct queue *);
void claim_send(struct queue *);
void claim_count(
	const struct queue *, unsigned *ret_all, unsigned ret_tier[TIER_COUNT]);

/* warm.c: keeps the pool at its target. */
void warm_tend(struct queue *);
void warm_shrink(struct queue *);
unsigned warm_count(const struct queue *, enum tier);
/* What waits of this tier is dead: lets go of it. */
void warm_lost(struct queue *, enum tier);

/* cancel.c: ends that were asked for. */
void cancel_id(struct queue *, const char *id);
int cancel_all(struct queue *, struct verr *);

/* leases.c: heartbeats, and what an earlier life left. */
int leases_renew(struct queue *, struct verr *);
int leases_recover(struct queue *, struct verr *);
/* Settles what says "running" here, has no seat and was not renewed. */
int leases_expire(struct queue *, struct verr *);

/* probe.c: which tiers are usable here. */
/* Starts the probes that are due. */
void probe_start(struct queue *);
/* All of them are, now. */
void probe_soon(struct queue *);
void probe_take(struct queue *, unsigned slot, const struct wire_frame *);
void probe_end(struct queue *, enum tier);
int probe_put(struct queue *, struct verr *);
bool probe_put_due(const struct queue *);

/* cache.c: compiled programs by the hash of their code. */
int cache_get(const struct queue *, const char *code_hash, struct buf *out);
void cache_put(const struct queue *, const char *code_hash, const struct buf *);

/* announce.c: events to viewers and waiters. */
void announce_chunk(struct queue *, const struct run *, const struct chunk *);
void announce_status(struct queue *, const char *id, enum status);
void announce_done(struct queue *, const char *id, enum status, enum reason,
	int64_t last_seq);
void announce_farewells(struct queue *);
void announce_check_waiters(struct queue *);

/* tick.c: one turn of the loop, after the events. */
void tick(struct queue *);
int tick_timeout_ms(struct queue *);
struct run *tick_find_run(struct queue *, const char *id, unsigned *ret_slot);

#endif
