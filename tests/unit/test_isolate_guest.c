/* A guest that lies: what the keeper's side makes of bytes on the channel. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ask.h"
#include "fd.h"
#include "isolate.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

static struct conf conf;
static struct backend backend = {.conf = &conf};
static struct run_spec spec = {.limits = {.wall_ms = 3000,
				       .cpu_ms = 3000,
				       .memory_mib = 64,
				       .output_bytes = 100}};

static int
take_output(void *ctx, enum stream stream, int64_t t_ns, const void *data,
	size_t n, struct verr *e)
{
	(void)t_ns;
	(void)data;
	(void)e;
	((size_t *)ctx)[stream] += n;
	return 0;
}

/* A sandbox whose guest is a sleeping process and this test's own bytes. */
struct stage {
	struct isolate_sandbox s;
	size_t given[2];
	int guest; /* the guest's end of the channel */
	int host; /* the host's end of the status socket */
	pid_t pid;
};

static void
set_up(struct stage *t)
{
	memset(t, 0, sizeof(*t));
	struct isolate_sandbox *s = &t->s;
	int channel[2], status[2];
	struct verr e;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status),
		0);
	t->pid = fork();
	if (t->pid == 0) {
		pause();
		_exit(0);
	}
	s->base.backend = &backend;
	s->base.spec = &spec;
	s->base.sink.ctx = t->given;
	s->base.sink.output = take_output;
	cgroup_init(&s->group);
	s->channel = channel[0];
	t->guest = channel[1];
	s->status = status[0];
	t->host = status[1];
	s->pid = t->pid;
	s->pidfd = proc_pidfd(t->pid, &e);
	assert_true(s->pidfd != -1);
	assert_int_equal(clock_getcpuclockid(t->pid, &s->cpu_clock), 0);
	wire_reader_init(&s->in, s->channel, WIRE_FROM_GUEST);
	buf_init(&s->output, WIRE_FILE_BYTES);
	buf_init(&s->error, WIRE_TEXT_BYTES);
	buf_init(&s->meta, 8192);
	buf_init(&s->compiled, 100);
	s->compile_ns = -1;
	s->started_ns = vtime_mono_ns();
}

/* Tells the news of a death that the host would tell. */
static void
tell_death(struct stage *t, int status)
{
	const struct isolate_dead d = {
		.magic = ISOLATE_MAGIC, .status = status};
	struct verr e;
	assert_int_equal(fd_send(t->host, &d, sizeof(d), NULL, 0, &e), 0);
}

static void
tear_down(struct stage *t)
{
	struct isolate_sandbox *s = &t->s;
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	close(t->guest);
	close(t->host);
	fd_close(&s->channel);
	fd_close(&s->status);
	fd_close(&s->pidfd);
	wire_reader_done(&s->in);
	buf_done(&s->output);
	buf_done(&s->error);
	buf_done(&s->meta);
	buf_done(&s->compiled);
}

static void
say(struct stage *t, enum wire_type type, const char *data, size_t n)
{
	struct verr e;
	assert_int_equal(wire_write(t->guest, type, data, n, &e), 0);
}

static void
finish(struct stage *t, struct run_left *left)
{
	struct verr e;
	run_left_init(left);
	assert_int_equal(isolate_wait(&t->s.base, -1, &e), 1);
	assert_int_equal(isolate_collect(&t->s.base, left, &e), 0);
}

static void
test_good_guest(void **state)
{
	(void)state;
	struct stage t;
	set_up(&t);
	say(&t, WIRE_STDOUT, "hello", 5);
	say(&t, WIRE_OUTPUT, "1", 1);
	say(&t, WIRE_META, "colour=red\nv8-version=9\n", 24);
	say(&t, WIRE_EXIT, "\3\0\0\0", 4);
	struct run_left left;
	finish(&t, &left);
	assert_int_equal(left.result.reason, REASON_EXIT);
	assert_int_equal(left.result.exit_code, 3);
	assert_int_equal(t.given[STREAM_STDOUT], 5);
	for (size_t i = 0; i < left.result.meta_count; i++) {
		assert_string_not_equal(left.result.meta[i].key, "colour");
		assert_string_not_equal(left.result.meta[i].key, "v8-version");
	}
	run_left_done(&left);
	tear_down(&t);
}

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
} lies[] = {
	{"wrong version", "\1\0\0\0\7\2\0\0x", 9},
	{"unknown type", "\0\0\0\0\177\1\0\0", 8},
	{"type zero", "\0\0\0\0\0\1\0\0", 8},
	{"a keeper's frame", "\0\0\0\0\17\1\0\0", 8},
	{"too long", "\377\377\377\377\11\1\0\0", 8},
	{"garbage", "GET / HTTP/1.1\r\n\r\n", 18},
	{"short exit", "\1\0\0\0\16\1\0\0x", 9},
};

static void
test_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct stage t;
		set_up(&t);
		assert_int_equal(write(t.guest, lies[i].bytes, lies[i].len),
			(ssize_t)lies[i].len);
		tell_death(&t, SIGKILL);
		struct run_left left;
		finish(&t, &left);
		if (left.result.reason != REASON_SIGNAL)
			fail_msg("%s: reason '%s'", lies[i].name,
				reason_text(left.result.reason));
		assert_string_equal(
			buf_text(&left.error), "the guest broke the protocol");
		/* It was killed, not only disbelieved. */
		int status;
		assert_int_equal(waitpid(t.pid, &status, 0), t.pid);
		assert_true(WIFSIGNALED(status));
		run_left_done(&left);
		tear_down(&t);
	}
}

static void
test_doubled_frames(void **state)
{
	(void)state;
	static const enum wire_type once[] = {
		WIRE_OUTPUT, WIRE_ERROR, WIRE_META};
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
		struct stage t;
		set_up(&t);
		say(&t, once[i], "x=y", 3);
		say(&t, once[i], "x=y", 3);
		tell_death(&t, SIGKILL);
		struct run_left left;
		finish(&t, &left);
		assert_string_equal(
			buf_text(&left.error), "the guest broke the protocol");
		run_left_done(&left);
		tear_down(&t);
	}
}

/* An end without EXIT is the process's own. */
static void
test_silent_end(void **state)
{
	(void)state;
	static const struct {
		int status;
		enum reason reason;
		int signal, code;
	} ends[] = {
		{SIGSYS, REASON_SIGNAL, SIGSYS, 0},
		{SIGSEGV, REASON_SIGNAL, SIGSEGV, 0},
		{5 << 8, REASON_EXIT, 0, 5},
	};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct stage t;
		set_up(&t);
		assert_int_equal(shutdown(t.guest, SHUT_RDWR), 0);
		tell_death(&t, ends[i].status);
		struct run_left left;
		finish(&t, &left);
		assert_int_equal(left.result.reason, ends[i].reason);
		assert_int_equal(left.result.signal, ends[i].signal);
		assert_int_equal(left.result.exit_code, ends[i].code);
		run_left_done(&left);
		tear_down(&t);
	}
}

int
main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_guest),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_doubled_frames),
		cmocka_unit_test(test_silent_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
