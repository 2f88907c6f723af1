/* Control groups of the slots, version 1 or 2. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "fd.h"
#include "num.h"
#include "poison.h"
#include "proc.h"

#define PATH_BYTES 512
#define CPU_PERIOD_US 100000

static const char *const controller_text[] = {
	[CGROUP_MEMORY] = "memory",
	[CGROUP_PIDS] = "pids",
	[CGROUP_CPU] = "cpu",
};
_Static_assert(sizeof(controller_text) / sizeof(controller_text[0]) ==
		CGROUP_CONTROLLERS,
	"a word for every controller");

struct mounts {
	char v1[CGROUP_CONTROLLERS][PATH_BYTES];
	char v2[PATH_BYTES];
};

static bool
has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; p != NULL; p = strchr(p, ',')) {
		if (*p == ',')
			p++;
		if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	}
	return false;
}

/*
 * One line of mountinfo (proc(5)): the mount point is the fifth field; behind
 * " - " stand the type, the source and the super options.
 */
static void
read_mount(char *line, struct mounts *m)
{
	char *tail = strstr(line, " - ");
	if (tail == NULL)
		return;
	char point[PATH_BYTES], type[32], options[PATH_BYTES];
	if (sscanf(line, "%*s %*s %*s %*s %511s", point) != 1 ||
		sscanf(tail + 3, "%31s %*s %511s", type, options) != 2)
		return;
	if (strcmp(type, "cgroup2") == 0 && m->v2[0] == '\0')
		snprintf(m->v2, sizeof(m->v2), "%s", point);
	if (strcmp(type, "cgroup") != 0)
		return;
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (m->v1[c][0] == '\0' &&
			has_word(options, controller_text[c]))
			snprintf(m->v1[c], sizeof(m->v1[c]), "%s", point);
}

static int
find_mounts(struct mounts *m, struct verr *e)
{
	struct buf v_autobuf text = BUF(1 << 20);
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", &text, e) == -1)
		return -1;
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;)
		read_mount(line, m);
	return 0;
}

static int
write_at(int dir, const char *file, const char *value, struct verr *e)
{
	int v_autoclose fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "open %s", file);
	if (write(fd, value, strlen(value)) == -1)
		return verr_set(
			e, VERR_HOST, errno, "write %s to %s", value, file);
	return 0;
}

/* The directory `name` in dir, made when it is not there; -1 with errno. */
static int
open_group(int dir, const char *name)
{
	if (mkdirat(dir, name, 0755) == -1 && errno != EEXIST)
		return -1;
	return openat(
		dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool
lists_word(int dir, const char *file, const char *word)
{
	struct buf v_autobuf text = BUF(4096);
	struct verr e;
	if (fd_read_file(dir, file, &text, &e) == -1)
		return false;
	size_t n = strlen(word);
	for (const char *p = buf_text(&text); (p = strstr(p, word)) != NULL;
		p += n)
		if ((p == text.data || p[-1] == ' ') &&
			(p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return true;
	return false;
}

/*
 * Version 2: a controller must be switched on for the children at every
 * level. One that cannot be, as version 1 has it say, is missing.
 */
static bool
pass_down(int dir, const char *controller)
{
	if (lists_word(dir, "cgroup.subtree_control", controller))
		return true;
	char word[32];
	snprintf(word, sizeof(word), "+%s", controller);
	struct verr e;
	return lists_word(dir, "cgroup.controllers", controller) &&
		write_at(dir, "cgroup.subtree_control", word, &e) == 0;
}

static int
open_v2(struct cgroup_tree *t, const char *mount, struct verr *e)
{
	int v_autoclose root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root == -1)
		return verr_set(e, VERR_HOST, errno, "open %s", mount);
	bool passed[CGROUP_CONTROLLERS];
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		passed[c] = pass_down(root, controller_text[c]);
	t->group = open_group(root, t->name);
	if (t->group == -1)
		return verr_set(
			e, VERR_HOST, errno, "make %s/%s", mount, t->name);
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (passed[c] && pass_down(t->group, controller_text[c]))
			t->dir[c] = fcntl(t->group, F_DUPFD_CLOEXEC, 0);
	t->version = 2;
	return 0;
}

static int
open_v1(struct cgroup_tree *t, const struct mounts *m, struct verr *e)
{
	for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
		if (m->v1[c][0] == '\0')
			continue;
		int v_autoclose root =
			open(m->v1[c], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root == -1)
			return verr_set(
				e, VERR_HOST, errno, "open %s", m->v1[c]);
		t->dir[c] = open_group(root, t->name);
		if (t->dir[c] != -1)
			t->version = 1;
	}
	return 0;
}

static void
tree_init(struct cgroup_tree *t, const char *name)
{
	t->version = 0;
	t->group = -1;
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		t->dir[c] = -1;
	snprintf(t->name, sizeof(t->name), "%s", name);
}

int
cgroup_tree_open(struct cgroup_tree *t, const char *name, struct verr *e)
{
	tree_init(t, name);
	struct mounts m = {0};
	if (find_mounts(&m, e) == -1)
		return -1;
	/* Version 1 where it has the memory: version 2 then has it not. */
	int r = 0;
	if (m.v1[CGROUP_MEMORY][0] != '\0')
		r = open_v1(t, &m, e);
	else if (m.v2[0] != '\0')
		r = open_v2(t, m.v2, e);
	if (r == -1)
		cgroup_tree_done(t);
	return r;
}

void
cgroup_tree_done(struct cgroup_tree *t)
{
	fd_close(&t->group);
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		fd_close(&t->dir[c]);
	t->version = 0;
}

static void
remove_slots(int dir)
{
	for (unsigned i = 0; i < 4096; i++) {
		char name[32];
		snprintf(name, sizeof(name), "slot-%u", i);
		if (unlinkat(dir, name, AT_REMOVEDIR) == -1 && i > 256 &&
			errno == ENOENT)
			return;
	}
}

static void
remove_group(int dir, const char *name)
{
	if (dir == -1)
		return;
	remove_slots(dir);
	char up[CGROUP_NAME_BYTES + 4];
	snprintf(up, sizeof(up), "../%s", name);
	unlinkat(dir, up, AT_REMOVEDIR);
}

void
cgroup_tree_remove(struct cgroup_tree *t)
{
	remove_group(t->group, t->name);
	for (int c = 0; t->version == 1 && c < CGROUP_CONTROLLERS; c++)
		remove_group(t->dir[c], t->name);
}

const char *
cgroup_missing(const struct cgroup_tree *t, char room[64])
{
	size_t n = 0;
	room[0] = '\0';
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (t->dir[c] == -1)
			n += (size_t)snprintf(room + n, 64 - n, "%s%s",
				n > 0 ? " " : "", controller_text[c]);
	return room;
}

void
cgroup_init(struct cgroup *g)
{
	*g = (struct cgroup){.group = -1,
		.memory_max = -1,
		.memory_peak = -1,
		.memory_events = -1,
		.cpu_max = -1};
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		g->dir[c] = -1;
}

static uint64_t
oom_kills(const struct cgroup *g)
{
	char text[512];
	ssize_t n = g->memory_events == -1
		? -1
		: pread(g->memory_events, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	const char *p = strstr(text, "oom_kill ");
	uint64_t kills = 0;
	struct verr e;
	if (p != NULL) {
		p += strlen("oom_kill ");
		(void)num_u64(p, strspn(p, "0123456789"), 0, UINT64_MAX,
			"oom_kill", &kills, &e);
	}
	return kills;
}

static void
open_memory_files(struct cgroup *g)
{
	int dir = g->dir[CGROUP_MEMORY];
	if (dir == -1)
		return;
	bool two = g->version == 2;
	g->memory_max =
		openat(dir, two ? "memory.max" : "memory.limit_in_bytes",
			O_WRONLY | O_CLOEXEC);
	g->memory_peak =
		openat(dir, two ? "memory.peak" : "memory.max_usage_in_bytes",
			O_RDWR | O_CLOEXEC);
	if (g->memory_peak == -1)
		g->memory_peak =
			openat(dir, "memory.peak", O_RDONLY | O_CLOEXEC);
	g->memory_events =
		openat(dir, two ? "memory.events" : "memory.oom_control",
			O_RDONLY | O_CLOEXEC);
	/* Nothing of a guest is written to a disk; not every kernel swaps. */
	struct verr none;
	(void)write_at(
		dir, two ? "memory.swap.max" : "memory.swappiness", "0", &none);
	g->oom_kills = oom_kills(g);
}

/*
 * The peak of the run before: version 1 forgets it, version 2 does so from
 * Linux 6.12 on, for reads by this descriptor.
 */
static bool
forget_peak(const struct cgroup *g)
{
	return g->memory_peak == -1 || write(g->memory_peak, "0", 1) == 1;
}

/* *ret_made: whether a directory is new, and so are its counters. */
static int
open_dirs(const struct cgroup_tree *t, const char *slot, struct cgroup *g,
	bool *ret_made, struct verr *e)
{
	bool made = false;
	cgroup_init(g);
	g->version = t->version;
	if (t->group != -1) {
		made = mkdirat(t->group, slot, 0755) == 0;
		g->group = open_group(t->group, slot);
		if (g->group == -1)
			return verr_set(e, VERR_HOST, errno, "group %s/%s",
				t->name, slot);
	}
	for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
		if (t->dir[c] == -1)
			continue;
		g->dir[c] = open_group(t->dir[c], slot);
		if (g->dir[c] == -1)
			return verr_set(e, VERR_HOST, errno, "group %s/%s",
				t->name, slot);
	}
	*ret_made = made;
	return 0;
}

static void
open_files(struct cgroup *g)
{
	open_memory_files(g);
	/* A kernel without bandwidth control has the group, not the file. */
	if (g->dir[CGROUP_CPU] != -1)
		g->cpu_max = openat(g->dir[CGROUP_CPU],
			g->version == 2 ? "cpu.max" : "cpu.cfs_quota_us",
			O_WRONLY | O_CLOEXEC);
}

int
cgroup_open(const struct cgroup_tree *t, const char *slot, struct cgroup *g,
	struct verr *e)
{
	bool made;
	if (open_dirs(t, slot, g, &made, e) == -1) {
		cgroup_done(g);
		return -1;
	}
	open_files(g);
	if (forget_peak(g) || made)
		return 0;
	/* A new directory has a new peak. */
	cgroup_done(g);
	(void)unlinkat(t->group, slot, AT_REMOVEDIR);
	if (open_dirs(t, slot, g, &made, e) == -1) {
		cgroup_done(g);
		return -1;
	}
	open_files(g);
	if (!made)
		fd_close(&g->memory_peak);
	return 0;
}

void
cgroup_done(struct cgroup *g)
{
	fd_close(&g->group);
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		fd_close(&g->dir[c]);
	fd_close(&g->memory_max);
	fd_close(&g->memory_peak);
	fd_close(&g->memory_events);
	fd_close(&g->cpu_max);
}

/* Version 2 has one way in, version 1 one in each hierarchy. */
static int
open_entry(const struct cgroup *g, int c)
{
	return g->version == 2
		? fcntl(g->group, F_DUPFD_CLOEXEC, 0)
		: openat(g->dir[c], "tasks", O_WRONLY | O_CLOEXEC);
}

int
cgroup_entry(const struct cgroup *g, int *fds, size_t max, struct verr *e)
{
	size_t count = 0;
	for (int c = 0; c < CGROUP_CONTROLLERS && count < max; c++) {
		if (g->version == 0 || (g->version == 1 && g->dir[c] == -1))
			continue;
		fds[count] = open_entry(g, c);
		if (fds[count] == -1) {
			int why = errno;
			while (count > 0)
				close(fds[--count]);
			return verr_set(e, VERR_HOST, why, "entry of a group");
		}
		count++;
		if (g->version == 2)
			break;
	}
	return (int)count;
}

int
cgroup_limit_memory(const struct cgroup *g, uint64_t bytes, struct verr *e)
{
	if (g->memory_max == -1)
		return 0;
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (pwrite(g->memory_max, text, (size_t)n, 0) == -1)
		return verr_set(e, VERR_HOST, errno, "memory limit %s", text);
	return 0;
}

int
cgroup_limit_pids(const struct cgroup *g, uint64_t count, struct verr *e)
{
	if (g->dir[CGROUP_PIDS] == -1)
		return 0;
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, count);
	return write_at(g->dir[CGROUP_PIDS], "pids.max", text, e);
}

int
cgroup_limit_cpus(const struct cgroup *g, uint64_t cpus, struct verr *e)
{
	if (g->cpu_max == -1)
		return 0;
	char text[64];
	int n = snprintf(text, sizeof(text),
		g->version == 2 ? "%" PRIu64 " %d" : "%" PRIu64,
		cpus * CPU_PERIOD_US, CPU_PERIOD_US);
	if (pwrite(g->cpu_max, text, (size_t)n, 0) == -1)
		return verr_set(
			e, VERR_HOST, errno, "processor quota %s", text);
	return 0;
}

int
cgroup_memory_peak(const struct cgroup *g, uint64_t *ret_bytes)
{
	char text[32];
	ssize_t n = g->memory_peak == -1
		? -1
		: pread(g->memory_peak, text, sizeof(text), 0);
	struct verr e;
	if (n <= 1)
		return 0;
	return num_u64(text, (size_t)n - 1, 0, UINT64_MAX, "peak", ret_bytes,
		       &e) == 0;
}

bool
cgroup_oom_killed(const struct cgroup *g)
{
	return oom_kills(g) > g->oom_kills;
}

static int
has_processes(int dir, bool *ret, struct verr *e)
{
	struct buf v_autobuf text = BUF(1 << 20);
	if (fd_read_file(dir, "cgroup.procs", &text, e) == -1)
		return -1;
	*ret = text.len > 0;
	return 0;
}

static int
kill_listed(int dir, struct verr *e)
{
	struct buf v_autobuf text = BUF(1 << 20);
	if (fd_read_file(dir, "cgroup.procs", &text, e) == -1)
		return -1;
	char *rest = text.data;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && *line;) {
		uint64_t pid;
		if (num_u64s(line, 1, INT32_MAX, "pid", &pid, e) == -1)
			return -1;
		struct verr gone;
		int v_autoclose fd = proc_pidfd((pid_t)pid, &gone);
		if (fd != -1 && proc_kill(fd, SIGKILL, e) == -1)
			return -1;
	}
	return 0;
}

/*
 * 0 only when nothing is left. A process that is killed lives on until its
 * memory is given back, 38 ms for 188 MB.
 */
static int
empty_group(int parent, bool two, const char *slot, struct verr *e)
{
	int v_autoclose dir = openat(
		parent, slot, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1 && errno == ENOENT)
		return 0;
	if (dir == -1)
		return verr_set(e, VERR_HOST, errno, "group %s", slot);
	bool left;
	struct verr none;
	if (has_processes(dir, &left, e) == -1)
		return -1;
	if (!left)
		return 0;
	/* cgroup.kill is younger than version 2: Linux 5.14. */
	if ((!two || write_at(dir, "cgroup.kill", "1", &none) == -1) &&
		kill_listed(dir, e) == -1)
		return -1;
	if (has_processes(dir, &left, e) == -1)
		return -1;
	if (left)
		return verr_set(e, VERR_HOST, EBUSY,
			"the processes of group %s are still dying", slot);
	return 0;
}

int
cgroup_kill(const struct cgroup_tree *t, const char *slot, struct verr *e)
{
	if (t->version == 2)
		return empty_group(t->group, true, slot, e);
	int r = 0;
	for (int c = 0; c < CGROUP_CONTROLLERS; c++)
		if (t->dir[c] != -1 &&
			empty_group(t->dir[c], false, slot, e) == -1)
			r = -1;
	return r;
}
