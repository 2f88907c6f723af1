/*
 * The gate: a mutex in a file beside the database, shared by every process
 * that writes. SQLite's own lock makes waiters sleep and try again, so under
 * many writers some wait for seconds (host facts: four claimers and more);
 * here they sleep in the kernel and are woken when it is their turn.
 *
 * It is a courtesy, not a safety: SQLite's lock still decides. So whoever
 * waits too long, or finds the mutex unusable, goes on without it. A holder
 * that dies gives it up (pthread_mutexattr_setrobust(3)). The file is made
 * anew after each boot, because what a mutex holds means nothing then.
 *
 * The file also has slots in which a process that finds the turn taken leaves
 * its submission for the next holder to commit along; see db_group.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
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

#define GATE_MAGIC 0x76676132u /* raised when the layout changes */

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

static int
read_boot_id(char out[40], struct verr *e)
{
	struct buf v_autobuf text = BUF(39);
	if (fd_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text,
		    e) == -1)
		return -1;
	memset(out, 0, 40);
	memcpy(out, buf_text(&text), text.len);
	return 0;
}

static int
make_mutex(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	int r = pthread_mutexattr_init(&a);
	if (r != 0)
		return r;
	r = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (r == 0)
		r = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (r == 0)
		r = pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
	return r;
}

/* Called under the file's lock, so that one process initialises. */
static int
set_up(struct gate_file *f, struct verr *e)
{
	char boot_id[sizeof(f->boot_id)];
	if (read_boot_id(boot_id, e) == -1)
		return -1;
	if (f->magic == GATE_MAGIC &&
		memcmp(f->boot_id, boot_id, sizeof(boot_id)) == 0)
		return 0;
	memset(f, 0, sizeof(*f));
	int r = make_mutex(&f->turn);
	if (r == 0)
		r = make_mutex(&f->leading);
	if (r != 0)
		return verr_set(e, VERR_HOST, r, "a mutex between processes");
	memcpy(f->boot_id, boot_id, sizeof(boot_id));
	f->magic = GATE_MAGIC;
	return 0;
}

static int
map_file(int fd, gid_t group, struct gate_file **ret, struct verr *e)
{
	struct stat st;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return verr_set(e, VERR_HOST, errno, "not a regular file");
	if (st.st_size < (off_t)sizeof(struct gate_file)) {
		/* Whoever makes it must leave it open to the group. */
		(void)fchmod(fd, 0660);
		if (geteuid() == 0)
			(void)!fchown(fd, (uid_t)-1, group);
		int r = posix_fallocate(fd, 0, sizeof(struct gate_file));
		if (r != 0)
			return verr_set(e, VERR_HOST, r, "making room");
	}
	void *p = mmap(NULL, sizeof(struct gate_file), PROT_READ | PROT_WRITE,
		MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return verr_set(e, VERR_HOST, errno, "mapping it");
	if (set_up(p, e) == -1) {
		munmap(p, sizeof(struct gate_file));
		return -1;
	}
	*ret = p;
	return 0;
}

int
gate_open(const char *db_path, struct gate **ret, struct verr *e)
{
	char path[300];
	snprintf(path, sizeof(path), "%s.gate", db_path);
	int v_autoclose fd =
		open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0660);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "%s", path);
	struct gate *g = calloc(1, sizeof(*g));
	if (g == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "%s", path);
	struct stat db;
	int r = stat(db_path, &db);
	if (r == 0)
		r = lock_file(fd, F_WRLCK);
	if (r == -1)
		verr_set(e, VERR_HOST, errno, "locking it");
	else
		r = map_file(fd, db.st_gid, &g->shared, e);
	/* The mapping keeps the open file, so closing would not unlock it. */
	(void)lock_file(fd, F_UNLCK);
	if (r == -1) {
		free(g);
		return verr_wrap(e, "%s", path);
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
	munmap(g->shared, sizeof(*g->shared));
	free(g);
}

/* A mutex whose last holder died is as good as any. */
static bool
got(pthread_mutex_t *m, int r)
{
	if (r == EOWNERDEAD)
		r = pthread_mutex_consistent(m);
	return r == 0;
}

static bool
lock(pthread_mutex_t *m)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += DB_BUSY_MS / 1000;
	return got(m, pthread_mutex_clocklock(m, CLOCK_MONOTONIC, &until));
}

void
gate_enter(struct gate *g)
{
	g->held = lock(&g->shared->turn);
}

void
gate_leave(struct gate *g)
{
	if (g->held)
		pthread_mutex_unlock(&g->shared->turn);
	g->held = false;
}

bool
gate_lead(struct gate *g, bool wait)
{
	pthread_mutex_t *m = &g->shared->leading;
	g->leads = wait ? lock(m) : got(m, pthread_mutex_trylock(m));
	return g->leads;
}

void
gate_lead_done(struct gate *g)
{
	if (!g->leads)
		return;
	g->leads = false;
	pthread_mutex_unlock(&g->shared->leading);
	/* Somebody who put a submission there leads the next group. */
	for (int i = 0; i < GATE_SLOTS; i++) {
		uint32_t ready = SLOT_READY;
		if (atomic_compare_exchange_strong(
			    &g->shared->state[i], &ready, SLOT_LEAD)) {
			gate_wake(g, i);
			return;
		}
	}
}

void
gate_wake(struct gate *g, int slot)
{
	syscall(SYS_futex, &g->shared->state[slot], FUTEX_WAKE, 1, NULL, NULL,
		0);
}

void
gate_wait(struct gate *g, int slot, uint32_t state, int64_t ms)
{
	struct timespec t = {
		.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * VTIME_NS_PER_MS};
	syscall(SYS_futex, &g->shared->state[slot], FUTEX_WAIT, state, &t, NULL,
		0);
}
