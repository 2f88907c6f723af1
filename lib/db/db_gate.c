/*
 * The gate: a lock in a file beside the database, shared by web and queue.
 * SQLite's own lock makes waiters sleep and try again, so under many writers
 * some wait for seconds (host facts: four claimers and more); here they sleep
 * in the kernel and are woken when it is their turn.
 *
 * It is a courtesy, not a safety: SQLite's lock still decides. So whoever
 * waits too long, or finds that the holder has died, takes it over. The lock
 * is one number, the holder's process id and a bit that others wait
 * (futex(2)): nothing in the file is followed as a pointer, so the worst that
 * a web worker in strange hands can do with it is to make others wait, and
 * that SQLite's lock lets it do as well. The administrator's programs run as
 * root and stay away from it.
 *
 * A second file, of the web alone, has slots in which a process that finds
 * somebody leading leaves its submission to be committed along; db_group.c.
 *
 * Both are made anew after each boot, because process ids mean nothing then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "db_gate.h"
#include "fd.h"
#include "poison.h"
#include "proc.h"

#define GATE_MAGIC 0x76676133u /* raised when a layout changes */
#define WAITERS 0x80000000u /* in a lock: somebody sleeps */
#define LOOK_MS 50 /* how long one sleeps before looking at the holder */

static int
lock_file(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
	int r;
	do
		r = fcntl(fd, F_OFD_SETLKW, &lock);
	while (r == -1 && errno == EINTR);
	return r;
}

/* Called under the file's lock, so that one process initialises. */
static int
set_up(struct gate_head *h, size_t size, struct verr *e)
{
	char boot_id[sizeof(h->boot_id)] = "";
	if (proc_boot_id(boot_id, e) == -1)
		return -1;
	if (h->magic == GATE_MAGIC &&
		memcmp(h->boot_id, boot_id, sizeof(boot_id)) == 0)
		return 0;
	memset(h, 0, size);
	memcpy(h->boot_id, boot_id, sizeof(boot_id));
	h->magic = GATE_MAGIC;
	return 0;
}

static int
map_file(int fd, gid_t group, size_t size, void **ret, struct verr *e)
{
	struct stat st;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return verr_set(e, VERR_HOST, errno, "not a regular file");
	if (st.st_size < (off_t)size) {
		/* Whoever makes it must leave it open to the group. */
		(void)fchmod(fd, 0660);
		if (geteuid() == 0)
			(void)!fchown(fd, (uid_t)-1, group);
		int r = posix_fallocate(fd, 0, (off_t)size);
		if (r != 0)
			return verr_set(e, VERR_HOST, r, "making room");
	}
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return verr_set(e, VERR_HOST, errno, "mapping it");
	if (set_up(p, size, e) == -1) {
		munmap(p, size);
		return -1;
	}
	*ret = p;
	return 0;
}

/*
 * In a sticky folder the kernel refuses O_CREAT on what another user made
 * (proc(5), protected_regular).
 */
static int
open_or_make(const char *path)
{
	const int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags);
	if (fd == -1 && errno == ENOENT)
		fd = open(path, flags | O_CREAT | O_EXCL, 0660);
	if (fd == -1 && errno == EEXIST)
		fd = open(path, flags);
	return fd;
}

static int
share(const char *db_path, const char *suffix, size_t size, void **ret,
	struct verr *e)
{
	char path[300];
	snprintf(path, sizeof(path), "%s%s", db_path, suffix);
	int v_autoclose fd = open_or_make(path);
	struct stat db;
	if (fd == -1 || stat(db_path, &db) == -1 ||
		lock_file(fd, F_WRLCK) == -1)
		return verr_set(e, VERR_HOST, errno, "%s", path);
	int r = map_file(fd, db.st_gid, size, ret, e);
	/* The mapping keeps the open file, so closing would not unlock it. */
	(void)lock_file(fd, F_UNLCK);
	return r == -1 ? verr_wrap(e, "%s", path) : 0;
}

int
gate_open(const char *db_path, bool group, struct gate **ret, struct verr *e)
{
	struct gate *g = calloc(1, sizeof(*g));
	if (g == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "%s", db_path);
	g->me = (uint32_t)getpid();
	void *turn = NULL, *slots = NULL;
	int r = share(db_path, ".gate", sizeof(*g->turn), &turn, e);
	g->turn = turn;
	if (r == 0 && group)
		r = share(db_path, ".group", sizeof(*g->group), &slots, e);
	g->group = slots;
	if (r == -1) {
		gate_close(g);
		return -1;
	}
	*ret = g;
	return 0;
}

void
gate_close(struct gate *g)
{
	if (g == NULL)
		return;
	gate_leave(g);
	gate_lead_done(g);
	if (g->turn != NULL)
		munmap(g->turn, sizeof(*g->turn));
	if (g->group != NULL)
		munmap(g->group, sizeof(*g->group));
	free(g);
}

bool
gate_gone(pid_t pid)
{
	return pid <= 0 || (kill(pid, 0) == -1 && errno == ESRCH);
}

static int
futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * VTIME_NS_PER_MS};
	return (int)syscall(SYS_futex, word, FUTEX_WAIT, value, &t, NULL, 0);
}

static void
futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/*
 * Without wait: false when somebody holds it, alive or not. Who waits looks
 * now and then whether the holder lives.
 */
static bool
lock(_Atomic uint32_t *word, uint32_t me, bool wait)
{
	uint32_t seen = 0, mark = 0;
	int64_t end = vtime_mono_ns() + DB_BUSY_MS * VTIME_NS_PER_MS;
	bool look = false;
	for (;;) {
		bool mine = seen == 0 ||
			(look && gate_gone((pid_t)(seen & ~WAITERS))) ||
			vtime_mono_ns() > end;
		if (mine) {
			if (atomic_compare_exchange_strong(
				    word, &seen, me | mark))
				return true;
			continue;
		}
		if (!wait)
			return false;
		if ((seen & WAITERS) == 0 &&
			!atomic_compare_exchange_strong(
				word, &seen, seen | WAITERS))
			continue;
		/* Others may sleep as well: who wakes up says so for them. */
		mark = WAITERS;
		look = futex_wait(word, seen | WAITERS, LOOK_MS) == -1 &&
			errno == ETIMEDOUT;
		seen = atomic_load(word);
	}
}

/* One that was taken over meanwhile is not ours to give. */
static void
unlock(_Atomic uint32_t *word, uint32_t me)
{
	uint32_t seen = me;
	if (atomic_compare_exchange_strong(word, &seen, 0) ||
		(seen & ~WAITERS) != me)
		return;
	atomic_store(word, 0);
	futex_wake(word);
}

void
gate_enter(struct gate *g)
{
	if (g != NULL)
		g->held = lock(&g->turn->turn, g->me, true);
}

void
gate_leave(struct gate *g)
{
	if (g == NULL || !g->held)
		return;
	g->held = false;
	unlock(&g->turn->turn, g->me);
}

bool
gate_lead(struct gate *g, bool wait)
{
	g->leads = lock(&g->group->leading, g->me, wait);
	return g->leads;
}

void
gate_lead_done(struct gate *g)
{
	if (!g->leads)
		return;
	g->leads = false;
	unlock(&g->group->leading, g->me);
	/* Somebody who put a submission there leads the next group. */
	for (int i = 0; i < GATE_SLOTS; i++) {
		uint32_t ready = SLOT_READY;
		if (atomic_compare_exchange_strong(
			    &g->group->state[i], &ready, SLOT_LEAD)) {
			gate_wake(g, i);
			return;
		}
	}
}

void
gate_wake(struct gate *g, int slot)
{
	futex_wake(&g->group->state[slot]);
}

void
gate_wait(struct gate *g, int slot, uint32_t state, int64_t ms)
{
	(void)futex_wait(&g->group->state[slot], state, ms);
}
