/* The keeper: one sandbox and its one run, from create to destroy. */
#ifndef KEEPER_H
#define KEEPER_H

#include "backend.h"

/* What the warden's fork gives it; all is borrowed. */
struct keeper_task {
	const struct conf *conf;
	struct backend *backend; /* NULL: why says why it is not open */
	const char *why;
	struct sandbox_class class;
	struct sandbox_slot slot;
	int channel; /* to the queue */
};

/* Both run to the end and return the exit code of the process. */
int keeper_run(const struct keeper_task *);
int prober_run(const struct keeper_task *);

#endif
