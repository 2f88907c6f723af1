/*
 * Group commit. Many clients that enqueue at once would each pay for a
 * transaction and a sync. So who finds somebody leading leaves its submission
 * in a slot of the gate's file and sleeps; the next leader commits its own and
 * all of these in one transaction, syncs once, answers everybody and hands the
 * lead on. While it syncs, others gather, and the queue may write. Who finds
 * nobody leading leads at once: a single client never waits for others.
 *
 * What can go wrong. A follower dies: its submission may be committed, and
 * nobody was told. A leader dies before it took a slot: the follower wakes by
 * itself and leads. A leader dies after it: the follower knows the id its
 * workload was to have, looks whether it is there, syncs or starts over. A
 * submission makes the transaction fail: it gets the error, and everybody
 * else tries alone. What lies in a slot is copied before it is read, and read
 * within its bounds, and so is an answer; the file is of the web's user alone,
 * and who writes nonsense into it spoils submissions, no process.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "db_gate.h"
#include "poison.h"

#define FILES_MAX 16
#define LOOK_MS 20 /* how long a follower trusts that somebody leads */
#define NO_TEXT UINT32_MAX

/* A submission as bytes: the struct, then what its pointers point to. */
struct packer {
	unsigned char *at;
	size_t left;
	bool failed;
};

static void
put(struct packer *p, const void *data, size_t n)
{
	if (p->failed || n > p->left) {
		p->failed = true;
		return;
	}
	if (n > 0)
		memcpy(p->at, data, n);
	p->at += n;
	p->left -= n;
}

/* Length, bytes and a NUL, so that it can be used where it lies. */
static void
put_bytes(struct packer *p, const void *data, size_t n)
{
	uint32_t len = data == NULL || n >= NO_TEXT ? NO_TEXT : (uint32_t)n;
	put(p, &len, sizeof(len));
	if (data != NULL) {
		put(p, data, n);
		put(p, "", 1);
	}
}

static void
put_text(struct packer *p, const char *text)
{
	put_bytes(p, text, text != NULL ? strlen(text) : 0);
}

/* The way back; the bytes stay where they are. */
struct unpacker {
	const unsigned char *at;
	size_t left;
	bool failed;
};

static void
take(struct unpacker *p, void *data, size_t n)
{
	if (p->failed || n > p->left) {
		p->failed = true;
		memset(data, 0, n);
		return;
	}
	memcpy(data, p->at, n);
	p->at += n;
	p->left -= n;
}

static const void *
take_bytes(struct unpacker *p, size_t *ret_len)
{
	uint32_t len;
	take(p, &len, sizeof(len));
	*ret_len = 0;
	if (p->failed || len == NO_TEXT)
		return NULL;
	if (len >= p->left || p->at[len] != '\0') {
		p->failed = true;
		return NULL;
	}
	const void *data = p->at;
	p->at += len + 1;
	p->left -= len + 1;
	*ret_len = len;
	return data;
}

static const char *
take_text(struct unpacker *p)
{
	size_t len;
	return take_bytes(p, &len);
}

/* Fills the slot's bytes and length; false: it does not fit. */
static bool
pack(const struct db_submission *s, struct slot *out)
{
	struct packer p = {.at = out->bytes, .left = sizeof(out->bytes)};
	const char *const texts[] = {s->isolation_requested, s->routing,
		s->image, s->entrypoint, s->args, s->env, s->input, s->labels,
		s->network, s->input_hash, s->code_hash, s->idempotency_key};
	if (s->file_count > FILES_MAX)
		return false;
	put(&p, s, sizeof(*s));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put_text(&p, texts[i]);
	put_bytes(&p, s->stdin_data, s->stdin_len);
	for (size_t i = 0; i < s->file_count; i++) {
		const struct db_file *f = &s->files[i];
		uint64_t size = f->size_bytes;
		put_text(&p, f->name);
		put_text(&p, f->sha256);
		put(&p, &size, sizeof(size));
		put_bytes(&p, f->content, f->content != NULL ? size : 0);
	}
	out->len = (uint32_t)(sizeof(out->bytes) - p.left);
	return !p.failed;
}

/* The inverse; every pointer of *s is set anew. False: not well-formed. */
static bool
unpack(const unsigned char *data, size_t len, struct db_submission *s,
	struct db_file files[FILES_MAX])
{
	struct unpacker p = {.at = data, .left = len};
	const char **const texts[] = {&s->isolation_requested, &s->routing,
		&s->image, &s->entrypoint, &s->args, &s->env, &s->input,
		&s->labels, &s->network, &s->input_hash, &s->code_hash,
		&s->idempotency_key};
	take(&p, s, sizeof(*s));
	if (s->file_count > FILES_MAX || (unsigned)s->isolation >= TIER_COUNT ||
		(unsigned)s->runtime >= RUNTIME_COUNT)
		return false;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = take_text(&p);
	s->stdin_data = take_bytes(&p, &s->stdin_len);
	for (size_t i = 0; i < s->file_count; i++) {
		size_t content_len;
		uint64_t size;
		files[i].name = take_text(&p);
		files[i].sha256 = take_text(&p);
		take(&p, &size, sizeof(size));
		files[i].content = take_bytes(&p, &content_len);
		files[i].size_bytes = size;
		if (files[i].content != NULL && content_len != size)
			return false;
	}
	s->files = files;
	return !p.failed && s->input_hash != NULL;
}

/* One client's place in a group: slot -1 is the leader itself. */
struct member {
	int slot;
	int answer;
	char ret_id[ULID_TEXT_BYTES];
	struct verr e;
};

static int
submit_slot(struct db *db, int slot, struct member *m)
{
	struct gate *g = db->gate;
	const struct slot *s = &g->group->slots[slot];
	struct db_submission sub;
	struct db_file files[FILES_MAX];
	char id[ULID_TEXT_BYTES];
	uint32_t len = s->len;
	memcpy(id, s->id, sizeof(id));
	id[ULID_CHARS] = '\0';
	if (len > sizeof(g->copy) || !ulid_valid(id))
		return verr_set(&m->e, VERR_BUG, 0, "a slot without sense");
	memcpy(g->copy, s->bytes, len);
	if (!unpack(g->copy, len, &sub, files))
		return verr_set(&m->e, VERR_BUG, 0, "a slot without sense");
	return submit_one(db, &sub, s->queue_max, id, m->ret_id, &m->e);
}

/* Whether a failed submission has left the transaction as it was. */
static bool
harmless(const struct member *m)
{
	return m->answer != -1 || m->e.kind == VERR_INPUT ||
		m->e.kind == VERR_LIMIT;
}

static void
answer(struct gate *g, const struct member *m, enum slot_state state)
{
	struct slot *s = &g->group->slots[m->slot];
	s->answer = m->answer;
	s->e = m->e;
	memcpy(s->ret_id, m->ret_id, sizeof(s->ret_id));
	atomic_store(&g->group->state[m->slot], state);
	gate_wake(g, m->slot);
}

/* Takes all that wait into the transaction; false: it must be undone. */
static bool
gather(struct db *db, struct member *members, size_t *count)
{
	struct gate_group *f = db->gate->group;
	for (int i = 0; i < GATE_SLOTS; i++) {
		uint32_t state = atomic_load(&f->state[i]);
		if (state != SLOT_READY && state != SLOT_LEAD)
			continue;
		f->slots[i].leader = getpid();
		if (!atomic_compare_exchange_strong(
			    &f->state[i], &state, SLOT_TAKEN))
			continue;
		struct member *m = &members[(*count)++];
		m->slot = i;
		m->answer = submit_slot(db, i, m);
		if (!harmless(m))
			return false;
	}
	return true;
}

static int
alone(struct db *db, const struct db_submission *s, uint64_t queue_max,
	const char *id, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	bool own;
	if (own_begin(db, &own, e) == -1)
		return -1;
	/* A repeated one is synced, too: the first may still be on its way. */
	return own_end(
		db, own, true, submit_one(db, s, queue_max, id, ret_id, e), e);
}

/* Ends the group; bad is the member that made it fail, or NULL. */
static void
dissolve(struct db *db, const struct member *members, size_t count,
	const struct member *bad)
{
	db_rollback(db);
	for (size_t i = 1; i < count; i++)
		answer(db->gate, &members[i],
			&members[i] == bad ? SLOT_DONE : SLOT_ALONE);
}

static int
run_group(struct db *db, const struct db_submission *s, uint64_t queue_max,
	const char *id, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	struct member members[GATE_SLOTS + 1] = {{.slot = -1}};
	struct member *own = &members[0];
	size_t count = 1;
	if (db_begin(db, e) == -1)
		return -1;
	own->answer = submit_one(db, s, queue_max, id, own->ret_id, &own->e);
	if (!harmless(own)) {
		dissolve(db, members, count, own);
		*e = own->e;
		return -1;
	}
	if (!gather(db, members, &count)) {
		dissolve(db, members, count, &members[count - 1]);
		return alone(db, s, queue_max, id, ret_id, e);
	}
	struct verr why;
	int r = db_commit(db, true, &why);
	for (size_t i = 0; i < count; i++) {
		if (r == -1 && members[i].answer != -1) {
			members[i].answer = -1;
			members[i].e = why;
		}
		if (i > 0)
			answer(db->gate, &members[i], SLOT_DONE);
	}
	if (own->answer == -1)
		*e = own->e;
	else
		memcpy(ret_id, own->ret_id, ULID_TEXT_BYTES);
	return own->answer;
}

/* Leading is ours; it goes on when the group is synced and answered. */
static int
lead(struct db *db, const struct db_submission *s, uint64_t queue_max,
	const char *id, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	int r = run_group(db, s, queue_max, id, ret_id, e);
	gate_lead_done(db->gate);
	return r;
}

/* Whether a slot may be had: free, or left behind by a dead owner. */
static bool
seize(struct gate_group *f, int i)
{
	uint32_t state = atomic_load(&f->state[i]);
	const struct slot *s = &f->slots[i];
	if (state != SLOT_FREE &&
		(!gate_gone(s->owner) ||
			(state == SLOT_TAKEN && !gate_gone(s->leader))))
		return false;
	return atomic_compare_exchange_strong(
		&f->state[i], &state, SLOT_FILLING);
}

/* A slot with the submission in it, -1 when it cannot be. */
static int
leave_in_slot(struct gate *g, const struct db_submission *s, uint64_t queue_max,
	const char *id)
{
	struct gate_group *f = g->group;
	int first = (int)(getpid() % GATE_SLOTS);
	for (int n = 0; n < GATE_SLOTS; n++) {
		int i = (first + n) % GATE_SLOTS;
		if (!seize(f, i))
			continue;
		struct slot *slot = &f->slots[i];
		slot->owner = getpid();
		slot->queue_max = queue_max;
		memcpy(slot->id, id, ULID_TEXT_BYTES);
		bool fits = pack(s, slot);
		atomic_store(&f->state[i], fits ? SLOT_READY : SLOT_FREE);
		return fits ? i : -1;
	}
	return -1;
}

enum outcome { OUTCOME_ANSWERED, OUTCOME_LEAD, OUTCOME_ALONE, OUTCOME_LOST };

/* Takes a slot back before any leader had it. */
static bool
withdraw(struct gate_group *f, int slot)
{
	uint32_t ready = SLOT_READY, asked = SLOT_LEAD;
	return atomic_compare_exchange_strong(
		       &f->state[slot], &ready, SLOT_FREE) ||
		atomic_compare_exchange_strong(
			&f->state[slot], &asked, SLOT_FREE);
}

/* An answer as any process may have left it, made safe to use. */
static void
take_answer(const struct slot *s, struct member *m)
{
	m->answer = s->answer;
	m->e = s->e;
	m->e.msg[sizeof(m->e.msg) - 1] = '\0';
	memcpy(m->ret_id, s->ret_id, sizeof(m->ret_id));
	m->ret_id[ULID_CHARS] = '\0';
	bool sound = m->answer == -1
		? m->e.kind > VERR_NONE && m->e.kind < VERR_KINDS
		: (m->answer == 0 || m->answer == 1) && ulid_valid(m->ret_id);
	if (!sound)
		m->answer =
			verr_set(&m->e, VERR_BUG, 0, "an answer without sense");
}

/* Waits until the slot is answered, or says what its owner is to do. */
static enum outcome
follow(struct gate *g, int slot, struct member *m)
{
	struct gate_group *f = g->group;
	struct slot *s = &f->slots[slot];
	int64_t end = vtime_mono_ns() + 2 * DB_BUSY_MS * VTIME_NS_PER_MS;
	for (bool late = false;; late = true) {
		uint32_t state = atomic_load(&f->state[slot]);
		if (state == SLOT_DONE || state == SLOT_ALONE) {
			take_answer(s, m);
			atomic_store(&f->state[slot], SLOT_FREE);
			return state == SLOT_DONE ? OUTCOME_ANSWERED
						  : OUTCOME_ALONE;
		}
		if (state == SLOT_LEAD || (state == SLOT_READY && late)) {
			bool leads = gate_lead(g, true);
			if (withdraw(f, slot))
				return leads ? OUTCOME_LEAD : OUTCOME_ALONE;
			gate_lead_done(g);
			continue;
		}
		if (state == SLOT_TAKEN && gate_gone(s->leader)) {
			atomic_store(&f->state[slot], SLOT_FREE);
			return OUTCOME_LOST;
		}
		if (vtime_mono_ns() > end) {
			/* The slot stays: its leader may yet write there. */
			m->answer = verr_set(&m->e, VERR_HOST, ETIMEDOUT,
				"the writer that took this submission does "
				"not answer; the outcome is unknown");
			return OUTCOME_ANSWERED;
		}
		gate_wait(g, slot, state, LOOK_MS);
	}
}

/* The leader died with the submission: is it there? */
static int
look_after(struct db *db, const char *id, struct verr *e)
{
	enum status status;
	gate_enter(db->gate);
	int there = db_status(db, id, &status, e);
	gate_leave(db->gate);
	if (there != 1)
		return there;
	return db_sync(db, e) == -1 ? -1 : 1;
}

int
db_workload_insert(struct db *db, const struct db_submission *s,
	uint64_t queue_max, char ret_id[ULID_TEXT_BYTES], struct verr *e)
{
	char id[ULID_TEXT_BYTES];
	if (ulid_new(id, e) == -1)
		return -1;
	if (db->in_tx)
		return submit_one(db, s, queue_max, id, ret_id, e);
	assert(db->role == DB_WEB);
	if (gate_lead(db->gate, false))
		return lead(db, s, queue_max, id, ret_id, e);
	int slot = leave_in_slot(db->gate, s, queue_max, id);
	if (slot == -1)
		return alone(db, s, queue_max, id, ret_id, e);
	struct member m;
	switch (follow(db->gate, slot, &m)) {
	case OUTCOME_ANSWERED:
		if (m.answer == -1)
			*e = m.e;
		else
			memcpy(ret_id, m.ret_id, ULID_TEXT_BYTES);
		return m.answer;
	case OUTCOME_LEAD:
		return lead(db, s, queue_max, id, ret_id, e);
	case OUTCOME_ALONE:
		return alone(db, s, queue_max, id, ret_id, e);
	case OUTCOME_LOST:
		break;
	}
	int found = look_after(db, id, e);
	if (found == 1)
		memcpy(ret_id, id, ULID_TEXT_BYTES);
	return found != 0 ? found : alone(db, s, queue_max, id, ret_id, e);
}
