/* A driver that makes nothing and writes down what it was asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_driver.h"
#include "poison.h"

char fake_calls[256];
const char *fake_failure;
const char *fake_output;
int fake_wait = 1;

void
fake_driver_reset(void)
{
	fake_calls[0] = '\0';
	fake_failure = NULL;
	fake_output = NULL;
	fake_wait = 1;
}

static int
step(const char *name, struct verr *e)
{
	size_t n = strlen(fake_calls);
	snprintf(fake_calls + n, sizeof(fake_calls) - n, "%s%s",
		n > 0 ? " " : "", name);
	if (fake_failure != NULL && strcmp(fake_failure, name) == 0)
		return verr_set(e, VERR_HOST, 0, "it was told to fail");
	return 0;
}

static int
fake_open(const struct conf *c, struct backend **ret, struct verr *e)
{
	(void)c;
	if (step("open", e) == -1)
		return -1;
	*ret = calloc(1, sizeof(**ret));
	return *ret == NULL ? verr_set(e, VERR_HOST, 0, "memory") : 0;
}

static void
fake_close(struct backend *b)
{
	struct verr e;
	(void)step("close", &e);
	free(b);
}

static int
fake_probe(struct backend *b, const struct sandbox_slot *slot,
	struct backend_caps *caps, struct verr *e)
{
	(void)b;
	(void)slot;
	snprintf(caps->engine, sizeof(caps->engine), "fake");
	return step("probe", e) == -1 ? -1 : 1;
}

static int
fake_sweep(struct backend *b, const struct sandbox_slot *slot, struct verr *e)
{
	(void)b;
	(void)slot;
	return step("sweep", e);
}

static int
fake_create(struct backend *b, const struct sandbox_class *class,
	const struct sandbox_slot *slot, struct sandbox **ret, struct verr *e)
{
	(void)b;
	(void)class;
	(void)slot;
	if (step("create", e) == -1)
		return -1;
	*ret = calloc(1, sizeof(**ret));
	return *ret == NULL ? verr_set(e, VERR_HOST, 0, "memory") : 0;
}

static int
fake_start(struct sandbox *sb, struct verr *e)
{
	if (step("start", e) == -1)
		return -1;
	return sb->sink.started(sb->sink.ctx, e);
}

static int
fake_wait_for(struct sandbox *sb, int cancel_fd, struct verr *e)
{
	(void)sb;
	(void)cancel_fd;
	return step("wait", e) == -1 ? -1 : fake_wait;
}

static int
fake_kill(struct sandbox *sb, enum reason reason, struct verr *e)
{
	(void)sb;
	(void)reason;
	return step("kill", e);
}

static int
fake_collect(struct sandbox *sb, struct run_left *left, struct verr *e)
{
	(void)sb;
	left->result.exited = true;
	if (fake_output != NULL &&
		buf_adds(&left->output, fake_output, e) == -1)
		return -1;
	return step("collect", e);
}

static void
fake_destroy(struct sandbox *sb)
{
	struct verr e;
	(void)step("destroy", &e);
	free(sb);
}

const struct driver fake_driver = {
	.name = "fake",
	.tier = TIER_ISOLATE,
	.open = fake_open,
	.close = fake_close,
	.probe = fake_probe,
	.sweep = fake_sweep,
	.create = fake_create,
	.start = fake_start,
	.wait = fake_wait_for,
	.kill = fake_kill,
	.collect = fake_collect,
	.destroy = fake_destroy,
};
