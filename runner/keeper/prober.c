/* The prober: asks a driver whether it is usable here, and tells the queue. */
#include <unistd.h>

#include "keeper.h"
#include "log.h"
#include "poison.h"
#include "wire.h"

static int
say(const struct keeper_task *t, int usable, const struct backend_caps *c,
	struct verr *e)
{
	struct buf v_autobuf b = BUF(4096);
	if (buf_addf(&b, e,
		    "usable=%d\nengine=%s\nengine-version=%s\nruntimes=%s\n"
		    "reason=%s\nremedy=%s\n",
		    usable, c->engine, c->engine_version, c->runtimes,
		    c->reason, c->remedy) == -1)
		return -1;
	return wire_write(t->channel, WIRE_READY, b.data, b.len, e);
}

int
prober_run(const struct keeper_task *t)
{
	struct verr e = {.kind = VERR_NONE};
	struct backend_caps caps = {.engine = ""};
	int usable = -1;
	if (t->backend != NULL)
		usable = backend_probe(t->backend, &t->slot, &caps, &e);
	const char *text = t->backend == NULL ? t->why : e.msg;
	if (usable == -1) {
		size_t n = 0;
		while (n < sizeof(caps.reason) - 1 && text[n] != '\0') {
			caps.reason[n] = text[n] == '\n' ? ' ' : text[n];
			n++;
		}
		caps.reason[n] = '\0';
	}
	if (say(t, usable == 1, &caps, &e) == -1) {
		log_verr(&e, "probe of tier %s", tier_text(t->class.tier));
		return 1;
	}
	return 0;
}
