/*
 * Durable runs without HTTP: clients put workloads into the database of a
 * running Vulcan and wait for each to be settled.
 *
 *	bench_queue -f vulcan.conf [-c CLIENTS] -n RUNS [-e CODE]
 *
 * Every client is a process of the web's user with a connection and a socket
 * of its own, as vulcan-fcgi's are. Prints "seconds", "failed" and one "ns"
 * for every run, from before its insertion until its end was read back.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "conf.h"
#include "db.h"
#include "fd.h"
#include "num.h"
#include "poison.h"
#include "proc.h"
#include "vtime.h"

#define CLIENTS_MAX 64
#define LOOK_AGAIN_MS 1000

struct plan {
	struct conf conf;
	const char *conf_path, *code;
	uint64_t clients, runs;
	char hash[DB_TOKEN_BYTES]; /* of the code */
};

struct client {
	struct db *db;
	int sock;
	struct sockaddr_un own, bell;
};

static void
name_socket(struct sockaddr_un *a, const struct plan *p, const char *name)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(a->sun_path, sizeof(a->sun_path), "%.80s/%s", p->conf.run,
		name);
}

static int
client_open(struct client *c, const struct plan *p, struct verr *e)
{
	char path[CONF_PATH_BYTES + 16], name[32];
	umask(0007);
	if (proc_die_with_parent(e) == -1 ||
		proc_become((uid_t)p->conf.web_uid, (gid_t)p->conf.group_gid,
			e) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/vulcan.db", p->conf.state);
	snprintf(name, sizeof(name), "web/%ld.sock", (long)getpid());
	name_socket(&c->own, p, name);
	name_socket(&c->bell, p, "doorbell");
	c->sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (c->sock == -1 ||
		bind(c->sock, (struct sockaddr *)&c->own, sizeof(c->own)) == -1)
		return verr_set(e, VERR_HOST, errno, "%s", c->own.sun_path);
	return db_open(path, DB_WEB, &c->db, e);
}

static int
submit(struct client *c, const struct plan *p, char id[ULID_TEXT_BYTES],
	struct verr *e)
{
	const struct db_file file = {
		.name = "index.js",
		.content = p->code,
		.size_bytes = strlen(p->code),
		.sha256 = p->hash,
	};
	const struct conf *k = &p->conf;
	const struct db_submission s = {
		.user_id = 1,
		.isolation = TIER_ISOLATE,
		.isolation_requested = "isolate",
		.routing = "as asked",
		.runtime = RUNTIME_JAVASCRIPT,
		.entrypoint = file.name,
		.args = "[]",
		.env = "{}",
		.labels = "{}",
		.network = "none",
		.limits = {k->wall_ms.normal, k->cpu_ms.normal,
			k->memory_mib.normal, k->vcpus.normal,
			k->processes.normal, k->disk_mib.normal,
			k->output_bytes.normal},
		.input_hash = p->hash,
		.code_hash = p->hash,
		.files = &file,
		.file_count = 1,
	};
	if (db_workload_insert(c->db, &s, k->queue_max, id, e) == -1)
		return -1;
	char text[16 + ULID_TEXT_BYTES];
	int n = snprintf(text, sizeof(text), "newwait %s", id);
	ssize_t sent = sendto(c->sock, text, (size_t)n, 0,
		(struct sockaddr *)&c->bell, sizeof(c->bell));
	(void)sent; /* a lost one costs LOOK_AGAIN_MS */
	return 0;
}

/* Waits for the end: 1 completed, 0 another end, -1. */
static int
await_end(struct client *c, const char *id, struct verr *e)
{
	for (int looks = 0; looks < 60; looks++) {
		char text[64];
		struct pollfd ready = {.fd = c->sock, .events = POLLIN};
		enum status status;
		if (poll(&ready, 1, LOOK_AGAIN_MS) > 0)
			recv(c->sock, text, sizeof(text), 0);
		int r = db_status(c->db, id, &status, e);
		if (r != 1)
			return r;
		if (status == STATUS_COMPLETED)
			return 1;
		if (status == STATUS_FAILED || status == STATUS_KILLED)
			return 0;
	}
	return verr_set(e, VERR_HOST, 0, "%s does not end", id);
}

/* The runs of one client; times go to shared memory. */
static int
client_work(
	const struct plan *p, int64_t *took_ns, uint64_t count, struct verr *e)
{
	struct client c = {.sock = -1};
	if (client_open(&c, p, e) == -1)
		return -1;
	int r = 0;
	for (uint64_t i = 0; i < count && r != -1; i++) {
		char id[ULID_TEXT_BYTES];
		int64_t begun = vtime_mono_ns();
		r = submit(&c, p, id, e);
		if (r != -1)
			r = await_end(&c, id, e);
		if (r == 1)
			took_ns[i] = vtime_mono_ns() - begun;
	}
	db_close(c.db);
	unlink(c.own.sun_path);
	fd_close(&c.sock);
	return r == -1 ? -1 : 0;
}

static int
run_clients(const struct plan *p, int64_t *took_ns, struct verr *e)
{
	uint64_t each = p->runs / p->clients;
	for (uint64_t i = 0; i < p->clients; i++) {
		pid_t pid = fork();
		if (pid == -1)
			return verr_set(e, VERR_HOST, errno, "fork");
		if (pid != 0)
			continue;
		int r = client_work(p, took_ns + i * each, each, e);
		if (r == -1)
			fprintf(stderr, "bench_queue: %s\n", e->msg);
		_exit(r == -1);
	}
	int bad = 0;
	for (int status; wait(&status) != -1;)
		bad += status != 0;
	return bad == 0 ? 0
			: verr_set(e, VERR_HOST, 0, "%d clients failed", bad);
}

static int
options(struct plan *p, int argc, char **argv, struct verr *e)
{
	p->clients = 16;
	p->code = "console.log(1 + 1)";
	for (int o; (o = getopt(argc, argv, "f:c:n:e:")) != -1;) {
		int r = 0;
		if (o == 'f')
			p->conf_path = optarg;
		else if (o == 'c')
			r = num_u64s(
				optarg, 1, CLIENTS_MAX, "-c", &p->clients, e);
		else if (o == 'n')
			r = num_u64s(optarg, 1, 10000000, "-n", &p->runs, e);
		else if (o == 'e')
			p->code = optarg;
		else
			r = verr_set(e, VERR_INPUT, 0, "unknown option");
		if (r == -1)
			return -1;
	}
	if (p->conf_path == NULL || p->runs < p->clients)
		return verr_set(e, VERR_INPUT, 0, "needs -f and -n");
	p->runs -= p->runs % p->clients;
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(
		digest, (const unsigned char *)p->code, strlen(p->code));
	sodium_bin2hex(p->hash, sizeof(p->hash), digest, sizeof(digest));
	return conf_load(p->conf_path, &p->conf, e);
}

int
main(int argc, char **argv)
{
	static struct plan p;
	struct verr e;
	if (options(&p, argc, argv, &e) == -1) {
		fprintf(stderr, "bench_queue: %s\n", e.msg);
		return 2;
	}
	size_t size = p.runs * sizeof(int64_t);
	int64_t *took_ns = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (took_ns == MAP_FAILED)
		return 1;
	int64_t begun = vtime_mono_ns();
	if (run_clients(&p, took_ns, &e) == -1) {
		fprintf(stderr, "bench_queue: %s\n", e.msg);
		return 1;
	}
	int64_t took = vtime_mono_ns() - begun;
	uint64_t failed = 0;
	for (uint64_t i = 0; i < p.runs; i++)
		failed += took_ns[i] == 0;
	printf("seconds %.6f\nfailed %" PRIu64 "\n", (double)took / 1e9,
		failed);
	for (uint64_t i = 0; i < p.runs; i++)
		if (took_ns[i] != 0)
			printf("ns %" PRId64 "\n", took_ns[i]);
	munmap(took_ns, size);
	return 0;
}
