/* vulcan.conf(5): the settings of every Vulcan program. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "fd.h"
#include "num.h"
#include "poison.h"

enum type { TYPE_NUMBER, TYPE_PATH, TYPE_NAME, TYPE_USER, TYPE_GROUP };

struct setting {
	const char *key;
	enum type type;
	size_t offset;
	uint64_t min, max;
	uint64_t normal;
	const char *text; /* default of paths and names */
	const char *means;
};

#define NUMBER(field, low, high, value, meaning) \
	{ \
#field, TYPE_NUMBER, offsetof(struct conf, field), low, high, \
			value, NULL, meaning \
	}
#define PATH(field, value, meaning) \
	{ \
#field, TYPE_PATH, offsetof(struct conf, field), 0, 0, 0, \
			value, meaning \
	}
#define LIMIT(field, low, high, value, ceiling, meaning) \
	{#field "_default", TYPE_NUMBER, offsetof(struct conf, field.normal), \
		low, high, value, NULL, meaning}, \
	{ \
#field "_max", TYPE_NUMBER, offsetof(struct conf, field.max), \
			low, high, ceiling, NULL, \
			"highest that a request may ask for" \
	}

static const struct setting settings[] = {
	PATH(state, "/var/lib/vulcan", "database, blobs and caches"),
	PATH(run, "/run/vulcan", "sockets"),
	PATH(templates, "/usr/share/vulcan/templates", "HTML templates"),
	PATH(isolate_host, "/usr/libexec/vulcan/vulcan-isolate",
		"host program of the isolate tier"),
	PATH(esbuild, "/usr/bin/esbuild", "TypeScript compiler"),
	PATH(schema, "/usr/share/vulcan/schema.sql", "database schema"),
	{"node", TYPE_NAME, offsetof(struct conf, node), 0, 0, 0, "",
		"name of this machine in records; its host name when empty"},
	{"origin", TYPE_PATH, offsetof(struct conf, origin), 0, 0, 0,
		"http://127.0.0.1:8080", "address at which browsers reach it"},
	{"web_user", TYPE_USER, offsetof(struct conf, web_uid), 1, 4294967293,
		61100, NULL, "user of vulcan-fcgi: a name or a number"},
	{"queue_user", TYPE_USER, offsetof(struct conf, queue_uid), 1,
		4294967293, 61101, NULL, "user of the queue role"},
	{"group", TYPE_GROUP, offsetof(struct conf, group_gid), 1, 4294967293,
		61100, NULL, "group that shares the database"},
	NUMBER(slot_uid_first, 1000, 4294900000, 1900000000,
		"user id of the first sandbox slot; the others follow"),
	NUMBER(slots, 1, 4096, 128, "sandboxes that may exist at once"),
	NUMBER(web_workers, 1, 256, 24, "FastCGI processes"),
	NUMBER(web_waiting, 0, 255, 18,
		"requests that may wait for a result at once"),
	NUMBER(request_bytes_max, 1024, 1073741824, 33554432,
		"largest request body"),
	NUMBER(files_max, 1, 10000, 200, "files of one workload"),
	NUMBER(session_hours, 1, 8760, 168, "life of a log-in"),
	NUMBER(logins_at_once, 1, 64, 2,
		"password checks at once; each takes 64 MiB"),
	NUMBER(queue_max, 1, 10000000, 10000,
		"pending workloads before new ones are refused"),
	NUMBER(running_max, 1, 4096, 64, "runs at once on all tiers"),
	NUMBER(running_user_max, 1, 4096, 64, "runs at once of one user"),
	NUMBER(isolate_running_max, 0, 4096, 64,
		"runs at once on the isolate tier"),
	NUMBER(attempts_max, 1, 10, 3,
		"starts of a workload that never reached its code"),
	NUMBER(lease_ms, 1000, 600000, 15000, "life of a claim between beats"),
	NUMBER(poll_ms, 100, 60000, 1000, "look for work without a doorbell"),
	NUMBER(pool_max, 0, 1024, 16, "warm sandboxes of one class"),
	NUMBER(pool_memory_mib, 0, 1048576, 256, "memory budget of the pool"),
	NUMBER(pool_idle_ms, 100, 86400000, 30000,
		"quiet time after which the pool empties"),
	NUMBER(isolate_jit, 0, 1, 1,
		"0 runs JavaScript without generated machine code"),
	NUMBER(zygote_renew_runs, 1, 100000000, 10000,
		"runs after which the isolate host is replaced"),
	NUMBER(zygote_renew_ms, 1000, 864000000, 3600000,
		"age at which the isolate host is replaced"),
	LIMIT(wall_ms, 1, 86400000, 10000, 300000, "time a run may take"),
	LIMIT(cpu_ms, 1, 86400000, 10000, 300000, "processor time of a run"),
	LIMIT(memory_mib, 8, 1048576, 128, 2048, "memory of a run"),
	LIMIT(vcpus, 1, 256, 1, 2, "processors of a run"),
	LIMIT(processes, 1, 100000, 64, 1024, "processes of a run"),
	LIMIT(disk_mib, 1, 1048576, 64, 4096, "scratch space of a run"),
	LIMIT(output_bytes, 0, 1073741824, 1048576, 16777216,
		"stdout and stderr kept of a run, together"),
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static char *
field_text(const struct setting *s, struct conf *c)
{
	return (char *)c + s->offset;
}

static uint64_t *
field_number(const struct setting *s, struct conf *c)
{
	return (uint64_t *)(void *)((char *)c + s->offset);
}

static bool
is_text(const struct setting *s)
{
	return s->type == TYPE_PATH || s->type == TYPE_NAME;
}

static size_t
text_room(const struct setting *s)
{
	return s->type == TYPE_PATH ? CONF_PATH_BYTES : CONF_NAME_BYTES;
}

void
conf_defaults(struct conf *c)
{
	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		if (is_text(s))
			memcpy(field_text(s, c), s->text, strlen(s->text) + 1);
		else
			*field_number(s, c) = s->normal;
	}
	if (gethostname(c->node, sizeof(c->node)) != 0)
		memcpy(c->node, "localhost", 10);
	c->node[sizeof(c->node) - 1] = '\0';
}

static int
set_text(const struct setting *s, const char *v, size_t n, struct conf *c,
	struct verr *e)
{
	if (n >= text_room(s))
		return verr_set(e, VERR_INPUT, 0, "longer than %zu bytes",
			text_room(s) - 1);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)v[i] < 0x20 || v[i] == 0x7f)
			return verr_set(
				e, VERR_INPUT, 0, "has a control character");
	if (s->type == TYPE_NAME && n == 0)
		return 0;
	if (n == 0)
		return verr_set(e, VERR_INPUT, 0, "a value is missing");
	memcpy(field_text(s, c), v, n);
	field_text(s, c)[n] = '\0';
	return 0;
}

/* A user or group may be named or numbered; numbers need no entry. */
static int
set_identity(const struct setting *s, const char *v, size_t n, struct conf *c,
	struct verr *e)
{
	char name[CONF_NAME_BYTES];
	if (n == 0 || n >= sizeof(name))
		return verr_set(e, VERR_INPUT, 0, "a name is missing");
	memcpy(name, v, n);
	name[n] = '\0';
	if (isdigit((unsigned char)name[0]))
		return num_u64s(
			name, s->min, s->max, "id", field_number(s, c), e);
	if (s->type == TYPE_USER) {
		struct passwd *pw = getpwnam(name);
		if (pw == NULL || pw->pw_uid == 0)
			return verr_set(e, VERR_INPUT, 0,
				"no user '%s' other than root on this machine",
				name);
		*field_number(s, c) = pw->pw_uid;
		return 0;
	}
	struct group *gr = getgrnam(name);
	if (gr == NULL)
		return verr_set(e, VERR_INPUT, 0,
			"no group '%s' on this machine", name);
	*field_number(s, c) = gr->gr_gid;
	return 0;
}

static int
set_value(const struct setting *s, const char *v, size_t n, struct conf *c,
	struct verr *e)
{
	switch (s->type) {
	case TYPE_NUMBER:
		return num_u64(
			v, n, s->min, s->max, "value", field_number(s, c), e);
	case TYPE_PATH:
	case TYPE_NAME:
		return set_text(s, v, n, c, e);
	case TYPE_USER:
	case TYPE_GROUP:
		return set_identity(s, v, n, c, e);
	}
	return verr_set(e, VERR_BUG, 0, "setting without a type");
}

static void
trim(const char **p, size_t *n)
{
	while (*n > 0 && (**p == ' ' || **p == '\t')) {
		(*p)++;
		(*n)--;
	}
	while (*n > 0 &&
		((*p)[*n - 1] == ' ' || (*p)[*n - 1] == '\t' ||
			(*p)[*n - 1] == '\r'))
		(*n)--;
}

static const struct setting *
find(const char *key, size_t n)
{
	for (size_t i = 0; i < SETTINGS; i++)
		if (strlen(settings[i].key) == n &&
			memcmp(settings[i].key, key, n) == 0)
			return &settings[i];
	return NULL;
}

static int
parse_line(const char *p, size_t n, bool *seen, struct conf *c, struct verr *e)
{
	trim(&p, &n);
	if (n == 0 || p[0] == '#')
		return 0;
	const char *equals = memchr(p, '=', n);
	if (equals == NULL)
		return verr_set(
			e, VERR_INPUT, 0, "no '='; a line is 'key = value'");
	size_t key_len = (size_t)(equals - p);
	const char *key = p;
	trim(&key, &key_len);
	const char *value = equals + 1;
	size_t value_len = n - (size_t)(value - p);
	trim(&value, &value_len);
	const struct setting *s = find(key, key_len);
	if (s == NULL)
		return verr_set(e, VERR_INPUT, 0,
			"unknown key '%.*s'; vulcan.conf(5) lists the keys",
			(int)(key_len < 64 ? key_len : 64), key);
	size_t i = (size_t)(s - settings);
	if (seen[i])
		return verr_set(e, VERR_INPUT, 0, "%s is set twice", s->key);
	seen[i] = true;
	if (set_value(s, value, value_len, c, e) == -1)
		return verr_wrap(e, "%s", s->key);
	return 0;
}

/* A sandbox that ran as one of Vulcan's own users would be no sandbox. */
static int
check_slot_uids(const struct conf *c, struct verr *e)
{
	const struct {
		const char *name;
		uint64_t id;
	} ours[] = {
		{"web_user", c->web_uid},
		{"queue_user", c->queue_uid},
		{"group", c->group_gid},
	};
	uint64_t first = c->slot_uid_first, last = first + c->slots - 1;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (ours[i].id >= first && ours[i].id <= last)
			return verr_set(e, VERR_INPUT, 0,
				"the slots' ids %" PRIu64 " to %" PRIu64
				" cover %s (%" PRIu64 "); move slot_uid_first",
				first, last, ours[i].name, ours[i].id);
	return 0;
}

static int
check_together(const struct conf *c, struct verr *e)
{
	const struct {
		const char *name;
		const struct conf_limit *limit;
	} limits[] = {
		{"wall_ms", &c->wall_ms},
		{"cpu_ms", &c->cpu_ms},
		{"memory_mib", &c->memory_mib},
		{"vcpus", &c->vcpus},
		{"processes", &c->processes},
		{"disk_mib", &c->disk_mib},
		{"output_bytes", &c->output_bytes},
	};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].limit->normal > limits[i].limit->max)
			return verr_set(e, VERR_INPUT, 0,
				"%s_default is above %s_max", limits[i].name,
				limits[i].name);
	if (c->web_waiting >= c->web_workers)
		return verr_set(e, VERR_INPUT, 0,
			"web_waiting must be below web_workers, or waiting "
			"requests could hold every process");
	if (c->running_max > c->slots)
		return verr_set(e, VERR_INPUT, 0, "running_max is above slots");
	return check_slot_uids(c, e);
}

int
conf_parse(const char *name, const char *text, size_t len, struct conf *c,
	struct verr *e)
{
	bool seen[SETTINGS] = {false};
	unsigned line = 0;
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - (text + at)) : len - at;
		line++;
		if (parse_line(text + at, n, seen, c, e) == -1)
			return verr_wrap(e, "%s:%u", name, line);
		at += n + 1;
	}
	if (check_together(c, e) == -1)
		return verr_wrap(e, "%s", name);
	return 0;
}

int
conf_load(const char *path, struct conf *c, struct verr *e)
{
	conf_defaults(c);
	int v_autoclose fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd == -1 || fstat(fd, &st) == -1)
		return verr_set(e, VERR_HOST, errno, "configuration %s", path);
	bool group_writes = (st.st_mode & S_IWGRP) != 0 && st.st_gid != 0;
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IWOTH) != 0 || group_writes)
		return verr_set(e, VERR_INPUT, 0,
			"%s: not a file, or others may write it; chmod go-w",
			path);
	struct buf v_autobuf text = BUF(1 << 20);
	if (fd_read_all(fd, &text, e) == -1)
		return verr_wrap(e, "%s", path);
	return conf_parse(path, buf_text(&text), text.len, c, e);
}

int
conf_print(const struct conf *c, struct buf *out, struct verr *e)
{
	struct conf copy = *c;
	for (size_t i = 0; i < SETTINGS; i++) {
		const struct setting *s = &settings[i];
		int r = is_text(s)
			? buf_addf(out, e, "%s = %s\t# %s\n", s->key,
				  field_text(s, &copy), s->means)
			: buf_addf(out, e, "%s = %" PRIu64 "\t# %s\n", s->key,
				  *field_number(s, &copy), s->means);
		if (r == -1)
			return -1;
	}
	return 0;
}
