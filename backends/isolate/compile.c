/* The TypeScript compiler in a jail of its own, from its start to its bundle.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backend.h"
#include "compile.h"
#include "compile_jail.h"
#include "fd.h"
#include "json.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

/*
 * The files are charged to the keeper, who writes them, and not to the slot's
 * group; this, once for each slot that compiles, is what bounds them.
 */
#define ROOT_SIZE "96m"
#define ROOT_INODES "12000"
#define READ_BYTES 65536
#define KILL_MS 2000

static struct sock_fprog filter;

void
compile_ground_init(struct compile_ground *g)
{
	*g = (struct compile_ground){.program = -1, .network = -1};
}

/* The loader that an ELF program names, or "" (elf(5), PT_INTERP). */
static int
find_loader(int fd, char out[COMPILE_PATH_BYTES], struct verr *e)
{
	Elf64_Ehdr head;
	if (pread(fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
		memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return verr_set(
			e, VERR_INPUT, 0, "the compiler is no ELF program");
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr p;
		if (pread(fd, &p, sizeof(p),
			    (off_t)(head.e_phoff + i * sizeof(p))) !=
			(ssize_t)sizeof(p))
			break;
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_filesz >= COMPILE_PATH_BYTES ||
			pread(fd, out, p.p_filesz, (off_t)p.p_offset) !=
				(ssize_t)p.p_filesz)
			break;
		out[p.p_filesz] = '\0';
		return 0;
	}
	out[0] = '\0';
	return 0;
}

/*
 * Debian's esbuild is linked against libc and nothing else. Ours is the same
 * one, and the loader that loaded us tells where it is.
 */
static int
find_libraries(struct compile_ground *g, struct verr *e)
{
	if (find_loader(g->program, g->loader, e) == -1)
		return -1;
	Dl_info libc;
	if (g->loader[0] == '\0')
		return 0;
	if (dladdr((void *)(uintptr_t)&fsync, &libc) == 0 ||
		libc.dli_fname[0] != '/' ||
		strlen(libc.dli_fname) >= sizeof(g->libc))
		return verr_set(e, VERR_HOST, 0,
			"the compiler needs libc, which was not found");
	memcpy(g->libc, libc.dli_fname, strlen(libc.dli_fname) + 1);
	return 0;
}

/* A network namespace that stays empty: made by a child that ends at once. */
static int
empty_network(struct verr *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) == -1)
		return verr_set(e, VERR_HOST, errno, "pipe");
	int v_autoclose get = ends[0];
	int v_autoclose put = ends[1];
	pid_t pid = fork();
	if (pid == -1)
		return verr_set(e, VERR_HOST, errno, "fork");
	if (pid == 0) {
		char made = unshare(CLONE_NEWNET) == 0;
		ssize_t n = write(put, &made, 1);
		/* Lives until it was looked at. */
		fd_close(&put);
		pause();
		_exit(n == 1 ? 0 : 1);
	}
	char made = 0;
	ssize_t n = read(get, &made, 1);
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	int fd = n == 1 && made ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int why = errno;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd == -1 ? verr_set(e, VERR_HOST, why, "an empty network") : fd;
}

int
compile_ground_open(struct compile_ground *g, const char *program,
	uint64_t data_bytes, struct verr *e)
{
	g->data_bytes = data_bytes;
	g->program = open(program, O_RDONLY | O_CLOEXEC);
	if (g->program == -1)
		return 0;
	g->network = empty_network(e);
	if (g->network == -1 || find_libraries(g, e) == -1)
		return -1;
	return filter.filter != NULL ? 0 : compile_jail_filter(&filter, e);
}

void
compile_ground_close(struct compile_ground *g)
{
	fd_close(&g->program);
	fd_close(&g->network);
}

bool
compile_ground_usable(const struct compile_ground *g)
{
	return g->program != -1;
}

static int
make_folders(int root, const char *name, struct verr *e)
{
	char path[512];
	for (const char *p = strchr(name, '/'); p != NULL;
		p = strchr(p + 1, '/')) {
		size_t n = (size_t)(p - name);
		memcpy(path, name, n);
		path[n] = '\0';
		if (mkdirat(root, path, 0755) == -1 && errno != EEXIST)
			return verr_set(e, VERR_HOST, errno, "folder %s", path);
	}
	return 0;
}

/* A tmpfs that only its holder and the compiler will see. */
static int
make_root(struct verr *e)
{
	int v_autoclose fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	const char *const options[][2] = {{"size", ROOT_SIZE},
		{"nr_inodes", ROOT_INODES}, {"mode", "0755"}};
	bool good = fs != -1;
	for (size_t i = 0; good && i < 3; i++)
		good = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING,
			       options[i][0], options[i][1], 0) == 0;
	int root = -1;
	if (good &&
		syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) ==
			0)
		root = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				MOUNT_ATTR_NOEXEC);
	if (root == -1)
		return verr_set(e, VERR_HOST, errno, "the compiler's root");
	return root;
}

/* Places in the root where files of the host are mounted. */
static int
make_places(const struct compile_jail *j, struct verr *e)
{
	for (int i = 0; i < COMPILE_LIBRARIES; i++) {
		if (j->libraries[i] == NULL)
			continue;
		const char *path = j->libraries[i] + 1;
		if (make_folders(j->root, path, e) == -1)
			return -1;
		int v_autoclose fd = openat(
			j->root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0555);
		if (fd == -1)
			return verr_set(
				e, VERR_HOST, errno, "place of %s", path);
	}
	return 0;
}

/* The folder of the run's files, writable by the slot's user alone. */
static int
make_work(int root, uid_t uid, struct verr *e)
{
	if (mkdirat(root, COMPILE_WORK_FOLDER, 0700) == -1 ||
		fchownat(root, COMPILE_WORK_FOLDER, uid, (gid_t)uid,
			AT_SYMLINK_NOFOLLOW) == -1)
		return verr_set(e, VERR_HOST, errno, "the compiler's folder");
	int fd = openat(
		root, COMPILE_WORK_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "the compiler's folder");
	return fd;
}

static struct compile_job *
new_job(void)
{
	struct compile_job *job = calloc(1, sizeof(*job));
	if (job == NULL)
		return NULL;
	job->pid = -1;
	job->pidfd = job->work = job->in = job->out = job->err = -1;
	buf_init(&job->bundle, COMPILE_OUT_BYTES);
	buf_init(&job->said, COMPILE_SAID_BYTES + READ_BYTES);
	return job;
}

static int
make_pipe(int *ours, int *theirs, struct verr *e)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) == -1)
		return verr_set(e, VERR_HOST, errno, "pipe");
	*ours = ends[0];
	*theirs = ends[1];
	return fd_nonblock(*ours, e);
}

/* A socket: writing to one whose reader is gone need not raise a signal. */
static int
make_input(int *ours, int *theirs, struct verr *e)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return verr_set(e, VERR_HOST, errno, "the compiler's input");
	*ours = ends[0];
	*theirs = ends[1];
	return 0;
}

static int
start(const struct compile_ground *g, uid_t uid, const struct cgroup *cg,
	struct compile_job *job, struct verr *e)
{
	int v_autoclose in = -1;
	int v_autoclose out = -1;
	int v_autoclose err = -1;
	if (make_input(&job->in, &in, e) == -1 ||
		make_pipe(&job->out, &out, e) == -1 ||
		make_pipe(&job->err, &err, e) == -1)
		return -1;
	int v_autoclose root = make_root(e);
	if (root == -1)
		return -1;
	struct compile_jail j = {.uid = uid,
		.program = g->program,
		.network = g->network,
		.root = root,
		.libraries = {g->loader[0] != '\0' ? g->loader : NULL,
			g->libc[0] != '\0' ? g->libc : NULL},
		.in = in,
		.out = out,
		.err = err,
		.cgroup_version = cg->version,
		.data_bytes = g->data_bytes,
		.filter = &filter};
	if (make_places(&j, e) == -1)
		return -1;
	job->work = make_work(root, uid, e);
	if (job->work == -1)
		return -1;
	j.cgroup_count = cgroup_entry(cg, j.cgroup_fds, ISOLATE_CGROUPS_MAX, e);
	if (j.cgroup_count == -1)
		return -1;
	int r = compile_jail_start(&j, &job->pid, &job->pidfd, e);
	for (int i = 0; i < j.cgroup_count; i++)
		close(j.cgroup_fds[i]);
	if (r == 0 && clock_getcpuclockid(job->pid, &job->cpu_clock) != 0)
		return verr_set(e, VERR_HOST, ESRCH, "clock of the compiler");
	return r;
}

int
compile_start(const struct compile_ground *g, uid_t uid,
	const struct cgroup *cg, struct compile_job **ret, struct verr *e)
{
	if (g->program == -1)
		return verr_set(e, VERR_HOST, 0,
			"no TypeScript compiler; apt-get install esbuild");
	struct compile_job *job = new_job();
	if (job == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "compiler");
	if (start(g, uid, cg, job, e) == -1) {
		compile_end(job);
		return verr_wrap(e, "compiler");
	}
	*ret = job;
	return 0;
}

/* Names were checked when they were taken in; here they meet a path. */
static bool
good_name(const char *name)
{
	if (name[0] == '\0' || name[0] == '/' || strlen(name) > 400)
		return false;
	for (const char *p = name; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') ||
			(n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		if (*p == '/' && *++p == '\0')
			return false;
	}
	return true;
}

static int
write_file(int root, const struct run_file *f, struct verr *e)
{
	if (!good_name(f->name))
		return verr_set(e, VERR_INPUT, 0,
			"'%.100s' is no name for a file", f->name);
	if (make_folders(root, f->name, e) == -1)
		return -1;
	int v_autoclose fd = openat(root, f->name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "file %s", f->name);
	return fd_write_all(fd, f->data, f->len, e);
}

/* A sentence for files that cannot lie beside each other; NULL: our failure. */
static const char *
complaint(const struct verr *e)
{
	if (e->kind == VERR_INPUT)
		return "is no name for a file";
	switch (e->sys) {
	case ENOTDIR:
	case EEXIST:
	case EISDIR:
		return "has the name of another file or of its folder";
	case ENAMETOOLONG:
		return "has a name that is too long";
	case ENOSPC:
		return "does not fit: the files of a program may take 96 MiB";
	default:
		return NULL;
	}
}

/* 1, 0 what is wrong with it is said, -1. */
static int
take_file(struct compile_job *job, const struct run_file *f, struct verr *e)
{
	struct verr bad;
	if (write_file(job->work, f, &bad) == 0)
		return 1;
	const char *why = complaint(&bad);
	if (why == NULL) {
		*e = bad;
		return -1;
	}
	return buf_addf(&job->said, e, "The file '%.200s' %s", f->name, why);
}

/* What it compiles: the entry point, with its default export as ours. */
static int
give_entry(
	const struct compile_job *job, const char *entrypoint, struct verr *e)
{
	struct buf v_autobuf path = BUF(1024);
	struct buf v_autobuf text = BUF(4096);
	struct json j;
	if (buf_addf(&path, e, "./%s", entrypoint) == -1)
		return -1;
	json_begin(&j, &text);
	json_text(&j, path.data);
	if (json_end(&j, e) == -1)
		return -1;
	struct buf v_autobuf stub = BUF(8192);
	if (buf_addf(&stub, e,
		    "import*as m from %s;export default m.default;\n",
		    buf_text(&text)) == -1)
		return -1;
	ssize_t n = send(job->in, stub.data, stub.len, MSG_NOSIGNAL);
	/* A compiler that is gone already is found when it is served. */
	if (n == -1 && errno != EPIPE)
		return verr_set(e, VERR_HOST, errno, "the compiler's input");
	return 0;
}

int
compile_give(struct compile_job *job, const struct run_spec *r, struct verr *e)
{
	job->began_ns = vtime_mono_ns();
	for (size_t i = 0; i < r->file_count; i++) {
		int taken = take_file(job, &r->files[i], e);
		if (taken == -1)
			return -1;
		if (taken == 0) {
			job->refused = true;
			return proc_kill(job->pidfd, SIGKILL, e);
		}
	}
	fd_close(&job->work);
	if (give_entry(job, r->entrypoint, e) == -1)
		return -1;
	fd_close(&job->in);
	return 0;
}

void
compile_fds(const struct compile_job *job, int fds[COMPILE_FDS])
{
	fds[0] = job->out;
	fds[1] = job->err;
	fds[2] = job->dead ? -1 : job->pidfd;
}

/* Reads what is there; more than the buffer takes is dropped and noted. */
static int
drain(int *fd, struct buf *into, size_t max, bool *ret_cut, struct verr *e)
{
	while (*fd != -1) {
		char piece[READ_BYTES];
		ssize_t n = read(*fd, piece, sizeof(piece));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return 0;
		if (n == -1)
			return verr_set(
				e, VERR_HOST, errno, "reading the compiler");
		if (n == 0) {
			fd_close(fd);
			return 0;
		}
		size_t room = max - into->len;
		if ((size_t)n > room)
			*ret_cut = true;
		if (buf_add(into, piece, (size_t)n < room ? (size_t)n : room,
			    e) == -1)
			return -1;
	}
	return 0;
}

static void
reap(struct compile_job *job)
{
	if (job->dead || job->pid == -1 ||
		waitpid(job->pid, &job->status, WNOHANG) != job->pid)
		return;
	job->dead = true;
}

/*
 * The signal of a keeper that is no longer root does not reach a child that
 * still is, on its way into the jail; so it is sent again. One that does not
 * die in this time is left to the sweep of its control group.
 */
static void
kill_and_reap(struct compile_job *job)
{
	struct verr e;
	int64_t give_up = vtime_mono_ns() + KILL_MS * VTIME_NS_PER_MS;
	while (!job->dead && vtime_mono_ns() < give_up) {
		(void)proc_kill(job->pidfd, SIGKILL, &e);
		struct pollfd p = {.fd = job->pidfd, .events = POLLIN};
		(void)poll(&p, 1, 10);
		reap(job);
	}
}

int
compile_serve(struct compile_job *job, struct verr *e)
{
	bool said_cut = false;
	if (drain(&job->out, &job->bundle, COMPILE_OUT_BYTES, &job->too_big,
		    e) == -1 ||
		drain(&job->err, &job->said, COMPILE_SAID_BYTES, &said_cut,
			e) == -1)
		return -1;
	if (job->too_big && !job->dead &&
		proc_kill(job->pidfd, SIGKILL, e) == -1)
		return -1;
	reap(job);
	return job->dead && job->out == -1 && job->err == -1;
}

bool
compile_succeeded(const struct compile_job *job)
{
	return job->dead && !job->too_big && !job->refused &&
		WIFEXITED(job->status) && WEXITSTATUS(job->status) == 0;
}

void
compile_end(struct compile_job *job)
{
	if (job == NULL)
		return;
	fd_close(&job->in);
	fd_close(&job->out);
	fd_close(&job->err);
	if (job->pidfd != -1)
		kill_and_reap(job);
	fd_close(&job->pidfd);
	fd_close(&job->work);
	buf_done(&job->bundle);
	buf_done(&job->said);
	free(job);
}
