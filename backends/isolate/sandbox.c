/* A sandbox of the isolate tier from its birth to the hand-over of its run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "ask.h"
#include "fd.h"
#include "isolate.h"
#include "json.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

#define CREATE_MS 5000 /* longest wait for a child, a new host included */
#define SEND_S 5 /* longest standstill of a hand-over */
#define SMALL_BYTES 32768
/* What a child of V8 needs beside the memory that its program may have. */
#define FIXED_BYTES (UINT64_C(24) << 20)
#define THREADS_MAX 64 /* of compiler and child together */
#define META_MAX 8192

static struct isolate_sandbox *
new_sandbox(const struct isolate_backend *b)
{
	struct isolate_sandbox *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	cgroup_init(&s->group);
	s->channel = s->status = s->pidfd = -1;
	s->pid = -1;
	s->compile_ns = -1;
	s->generation = b->now.generation;
	s->ready_us = b->now.ready_us;
	memcpy(s->version, b->now.version, sizeof(s->version));
	buf_init(&s->output, WIRE_FILE_BYTES);
	buf_init(&s->error, WIRE_TEXT_BYTES);
	buf_init(&s->meta, META_MAX);
	buf_init(&s->compiled, COMPILE_OUT_BYTES);
	return s;
}

/* Asks the host for a child; gives it the far ends of channel and status. */
static int
ask(const struct isolate_backend *b, struct isolate_sandbox *s, uid_t uid,
	struct verr *e)
{
	int channel[2], status[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) == -1)
		return verr_set(e, VERR_HOST, errno, "channel");
	s->channel = channel[0];
	int v_autoclose far_channel = channel[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) == -1)
		return verr_set(e, VERR_HOST, errno, "status socket");
	s->status = status[0];
	int v_autoclose far_status = status[1];
	int fds[2 + ISOLATE_CGROUPS_MAX] = {far_channel, far_status};
	int groups = cgroup_entry(&s->group, fds + 2, ISOLATE_CGROUPS_MAX, e);
	if (groups == -1)
		return -1;
	struct isolate_ask a = {.magic = ISOLATE_MAGIC,
		.uid = (uint32_t)uid,
		.cgroup_version = groups == 0 ? 0 : (uint32_t)s->group.version};
	int r = fd_send(
		b->now.control, &a, sizeof(a), fds, 2 + (size_t)groups, e);
	for (int i = 0; i < groups; i++)
		close(fds[2 + i]);
	if (r == -1)
		return verr_wrap(e, "the host is gone");
	return 0;
}

/* Until fd is readable: 0; -1 after CREATE_MS. */
static int
await(int fd, const char *what, struct verr *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;
	do
		n = poll(&p, 1, CREATE_MS);
	while (n == -1 && errno == EINTR);
	if (n == 1)
		return 0;
	return verr_set(e, VERR_HOST, n == 0 ? ETIMEDOUT : errno,
		"waiting for %s", what);
}

/*
 * A host that was asked and neither runs nor waits for a disk hangs, stopped
 * or locked; one that only waits for a processor is running (proc(5), stat).
 */
static bool
hangs(const struct isolate_host *h)
{
	char path[64];
	struct buf v_autobuf text = BUF(4096);
	struct verr e;
	snprintf(path, sizeof(path), "/proc/%d/stat", h->pid);
	if (fd_read_file(AT_FDCWD, path, &text, &e) == -1)
		return false;
	const char *name_end = strrchr(buf_text(&text), ')');
	return name_end != NULL && name_end[1] == ' ' &&
		strchr("StT", name_end[2]) != NULL;
}

/*
 * Its runs are lost; the warden sees its end and starts another. One that has
 * answered by now only had little of the processor.
 */
static void
end_hanging(const struct isolate_host *h, int status)
{
	struct pollfd p = {.fd = status, .events = POLLIN};
	struct verr e;
	if (h->ready && hangs(h) && poll(&p, 1, 0) == 0)
		(void)proc_kill(h->pidfd, SIGKILL, &e);
}

static int
take_birth(const struct isolate_backend *b, struct isolate_sandbox *s,
	struct verr *e)
{
	if (await(s->status, "the host", e) == -1) {
		if (e->sys == ETIMEDOUT)
			end_hanging(&b->now, s->status);
		return -1;
	}
	struct isolate_born born;
	int fds[FD_PASS_MAX];
	size_t count;
	ssize_t n = fd_recv(s->status, &born, sizeof(born), fds, &count, e);
	if (n == -1)
		return -1;
	for (size_t i = 1; i < count; i++)
		close(fds[i]);
	int v_autoclose pidfd = count > 0 ? fds[0] : -1;
	if (n == 0)
		return verr_set(
			e, VERR_HOST, 0, "the host ended before it answered");
	if (n != (ssize_t)sizeof(born) || born.magic != ISOLATE_MAGIC)
		return verr_set(e, VERR_PROTO, 0, "the host's answer");
	if (born.pid <= 0 || pidfd == -1)
		return verr_set(e, VERR_HOST, born.sys, "the host cannot fork");
	s->pid = born.pid;
	s->pidfd = v_take_fd(&pidfd);
	if (clock_getcpuclockid(s->pid, &s->cpu_clock) != 0)
		return verr_set(e, VERR_HOST, ESRCH, "clock of the child");
	return 0;
}

static int
take_ready(struct isolate_sandbox *s, struct verr *e)
{
	wire_reader_init(&s->in, s->channel, WIRE_FROM_GUEST);
	if (await(s->channel, "the child", e) == -1)
		return -1;
	struct wire_frame f;
	int got = wire_read(&s->in, &f, e);
	if (got == -1)
		return -1;
	if (got == 1 && f.type == WIRE_READY)
		return 0;
	int status = isolate_await_death(s, 1000) ? s->dead_status : 0;
	return verr_set(e, VERR_HOST, 0,
		"the child did not get ready (wait status 0x%x)", status);
}

static int
make(struct isolate_backend *b, struct isolate_sandbox *s,
	const struct sandbox_class *class, const struct sandbox_slot *slot,
	struct verr *e)
{
	if (b->now.pid == -1)
		return verr_set(e, VERR_HOST, 0, "%s", b->failure);
	if (cgroup_open(&b->tree, slot->cgroup, &s->group, e) == -1)
		return -1;
	if (cgroup_limit_memory(&s->group, FIXED_BYTES + COMPILER_BYTES, e) ==
		-1)
		return -1;
	if (ask(b, s, slot->uid, e) == -1)
		return -1;
	/* The compiler is started while the host is at work. */
	if (class->runtime == RUNTIME_TYPESCRIPT &&
		cgroup_limit_pids(&s->group, THREADS_MAX, e) == -1)
		return -1;
	if (class->runtime == RUNTIME_TYPESCRIPT &&
		compile_start(&b->ground, slot->uid, &s->group, &s->job, e) ==
			-1)
		return -1;
	if (take_birth(b, s, e) == -1 || take_ready(s, e) == -1)
		return -1;
	/* A hand-over that stands still is given up. */
	struct timeval t = {.tv_sec = SEND_S};
	if (setsockopt(s->channel, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) ==
		-1)
		return verr_set(e, VERR_HOST, errno, "SO_SNDTIMEO");
	return 0;
}

int
isolate_create(struct backend *base, const struct sandbox_class *class,
	const struct sandbox_slot *slot, struct sandbox **ret, struct verr *e)
{
	struct isolate_backend *b = (struct isolate_backend *)base;
	if (class->runtime != RUNTIME_JAVASCRIPT &&
		class->runtime != RUNTIME_TYPESCRIPT)
		return verr_set(e, VERR_INPUT, 0,
			"runtime '%s' does not run on the isolate tier",
			runtime_text(class->runtime));
	struct isolate_sandbox *s = new_sandbox(b);
	if (s == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "sandbox");
	if (make(b, s, class, slot, e) == -1) {
		isolate_destroy(&s->base);
		return -1;
	}
	*ret = &s->base;
	return 0;
}

void
isolate_destroy(struct sandbox *sb)
{
	struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	struct verr e;
	compile_end(s->job);
	if (s->pidfd != -1 && !s->dead)
		(void)proc_kill(s->pidfd, SIGKILL, &e);
	if (s->pidfd != -1)
		(void)isolate_await_death(s, 2000);
	fd_close(&s->pidfd);
	fd_close(&s->status);
	fd_close(&s->channel);
	cgroup_done(&s->group);
	wire_reader_done(&s->in);
	buf_done(&s->output);
	buf_done(&s->error);
	buf_done(&s->meta);
	buf_done(&s->compiled);
	free(s);
}

static int
write_spec(const struct run_spec *r, struct buf *out, struct verr *e)
{
	struct json j;
	json_begin(&j, out);
	json_object(&j);
	json_key_text(&j, "id", r->id);
	json_key_text(&j, "runtime", runtime_text(r->runtime));
	json_key_text(&j, "entrypoint", r->entrypoint);
	json_key(&j, "args");
	json_raw(&j, r->args, strlen(r->args));
	json_key(&j, "env");
	json_raw(&j, r->env, strlen(r->env));
	json_key(&j, "limits");
	json_object(&j);
	json_key_u64(&j, "memory_mib", r->limits.memory_mib);
	json_key_u64(&j, "output_bytes", r->limits.output_bytes);
	json_object_end(&j);
	json_object_end(&j);
	return json_end(&j, e);
}

/* Small frames are gathered into one write, large ones go by themselves. */
struct sending {
	int fd;
	struct buf small;
};

static int
flush(struct sending *s, struct verr *e)
{
	const char *p = buf_text(&s->small);
	size_t left = s->small.len;
	while (left > 0) {
		ssize_t n = send(s->fd, p, left, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return verr_set(e, VERR_HOST, errno, "sending the run");
		p += n;
		left -= (size_t)n;
	}
	buf_reset(&s->small);
	return 0;
}

static int
send_frame(struct sending *s, enum wire_type type, const void *head,
	size_t head_len, const void *data, size_t len, struct verr *e)
{
	if (head_len + len > SMALL_BYTES) {
		if (flush(s, e) == -1)
			return -1;
		return wire_write2(s->fd, type, head, head_len, data, len, e);
	}
	unsigned char header[WIRE_HEADER_BYTES];
	wire_header(type, head_len + len, header);
	if (buf_add(&s->small, header, sizeof(header), e) == -1 ||
		buf_add(&s->small, head, head_len, e) == -1 ||
		buf_add(&s->small, data, len, e) == -1)
		return -1;
	return s->small.len > SMALL_BYTES ? flush(s, e) : 0;
}

static int
send_file(struct sending *s, const struct run_file *f, struct verr *e)
{
	size_t n = strlen(f->name);
	if (n == 0 || n > UINT16_MAX)
		return verr_set(e, VERR_INPUT, 0, "a file without a name");
	struct buf v_autobuf head = BUF(UINT16_MAX + 2);
	const unsigned char len[] = {(unsigned char)n, (unsigned char)(n >> 8)};
	if (buf_add(&head, len, 2, e) == -1 ||
		buf_add(&head, f->name, n, e) == -1)
		return -1;
	return send_frame(
		s, WIRE_FILE, head.data, head.len, f->data, f->len, e);
}

static int
send_run(struct sending *s, const struct run_spec *r, const void *compiled,
	size_t compiled_len, struct verr *e)
{
	struct buf v_autobuf spec = BUF(WIRE_TEXT_BYTES);
	if (write_spec(r, &spec, e) == -1 ||
		send_frame(s, WIRE_SPEC, NULL, 0, spec.data, spec.len, e) == -1)
		return -1;
	for (size_t i = 0; compiled == NULL && i < r->file_count; i++)
		if (send_file(s, &r->files[i], e) == -1)
			return -1;
	if (compiled != NULL &&
		send_frame(s, WIRE_COMPILED, NULL, 0, compiled, compiled_len,
			e) == -1)
		return -1;
	if (r->input != NULL &&
		send_frame(s, WIRE_INPUT, NULL, 0, r->input, r->input_len, e) ==
			-1)
		return -1;
	if (r->stdin_data != NULL &&
		send_frame(s, WIRE_STDIN, NULL, 0, r->stdin_data, r->stdin_len,
			e) == -1)
		return -1;
	if (send_frame(s, WIRE_GO, NULL, 0, NULL, 0, e) == -1)
		return -1;
	return flush(s, e);
}

int
isolate_hand_over(struct isolate_sandbox *s, const void *compiled,
	size_t compiled_len, struct verr *e)
{
	const struct run_spec *r = s->base.spec;
	uint64_t bytes = (r->limits.memory_mib << 20) + FIXED_BYTES;
	if (cgroup_limit_memory(&s->group, bytes, e) == -1)
		return -1;
	struct sending out = {.fd = s->channel, .small = BUF(4 * SMALL_BYTES)};
	int sent = send_run(&out, r, compiled, compiled_len, e);
	buf_done(&out.small);
	/* A child that is gone, by its memory limit say, is wait's finding. */
	if (sent == -1 &&
		(e->kind != VERR_HOST ||
			(e->sys != EPIPE && e->sys != ECONNRESET)))
		return -1;
	s->started_ns = vtime_mono_ns();
	s->handed_over = true;
	return s->base.sink.started(s->base.sink.ctx, e);
}

int
isolate_start(struct sandbox *sb, struct verr *e)
{
	struct isolate_sandbox *s = (struct isolate_sandbox *)sb;
	const struct run_spec *r = sb->spec;
	/* One that ended as it waited for a run is no result of the run. */
	struct pollfd p = {.fd = s->channel, .events = POLLRDHUP};
	if (poll(&p, 1, 0) == 1)
		return verr_set(e, VERR_HOST, 0,
			"the sandbox ended before it was given a run");
	/* One thread runs a program; this is for the compiler's. */
	if (s->group.version == 2 && s->job != NULL &&
		cgroup_limit_cpus(&s->group, r->limits.vcpus, e) == -1)
		return -1;
	if (s->job == NULL || r->compiled != NULL) {
		compile_end(s->job);
		s->job = NULL;
		return isolate_hand_over(s, r->compiled, r->compiled_len, e);
	}
	uint64_t bytes = (r->limits.memory_mib << 20) + COMPILER_BYTES;
	if (cgroup_limit_memory(&s->group, bytes, e) == -1)
		return -1;
	return compile_give(s->job, r, e);
}
