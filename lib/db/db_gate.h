/* The files that processes who write share; for db_gate.c and db_group.c. */
#ifndef DB_GATE_H
#define DB_GATE_H

#include <stdatomic.h>

#include "db_int.h"

#define GATE_SLOTS 64
#define GATE_SLOT_BYTES 8192 /* a longer submission goes alone */

enum slot_state {
	SLOT_FREE,
	SLOT_FILLING, /* its owner writes into it */
	SLOT_READY, /* a leader may take it */
	SLOT_LEAD, /* as READY, and its owner is asked to lead */
	SLOT_TAKEN, /* a leader has it in its transaction */
	SLOT_DONE, /* the answer is there */
	SLOT_ALONE, /* the group failed: its owner tries by itself */
};

struct slot {
	pid_t owner;
	pid_t leader; /* from TAKEN on */
	char id[ULID_TEXT_BYTES]; /* what a new workload shall be called */
	uint64_t queue_max;
	uint32_t len;
	unsigned char bytes[GATE_SLOT_BYTES];
	int answer; /* as db_workload_insert */
	char ret_id[ULID_TEXT_BYTES];
	struct verr e;
};

struct gate_head {
	uint32_t magic;
	char boot_id[40];
};

/* Locks are 0, or the holder's process id and a bit; each is a futex. */
struct gate_turn {
	struct gate_head head;
	_Atomic uint32_t turn; /* of a write transaction */
};

struct gate_group {
	struct gate_head head;
	_Atomic uint32_t leading; /* of a group, from its start to its sync */
	_Atomic uint32_t state[GATE_SLOTS]; /* each a futex */
	struct slot slots[GATE_SLOTS];
};

struct gate {
	struct gate_turn *turn;
	struct gate_group *group; /* NULL: not of the web */
	uint32_t me;
	bool held; /* the turn */
	bool leads;
	unsigned char copy[GATE_SLOT_BYTES]; /* of a slot, while it is used */
};

/* Whether there is no such process. */
bool gate_gone(pid_t);

/* Becomes the leader: with wait after the one before, else if there is none. */
bool gate_lead(struct gate *, bool wait);

/* Ends leading and asks one of those who came meanwhile to lead. */
void gate_lead_done(struct gate *);

/* Wakes who waits for a change of a slot. */
void gate_wake(struct gate *, int slot);

/* Sleeps while the slot is in this state, at most ms. */
void gate_wait(struct gate *, int slot, uint32_t state, int64_t ms);

#endif
