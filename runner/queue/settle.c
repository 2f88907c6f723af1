/* How a run ends. */
#include "settle.h"
#include "poison.h"

static enum status
status_of(enum reason r)
{
	switch (r) {
	case REASON_NONE:
		return STATUS_COMPLETED;
	case REASON_CANCELLED:
		return STATUS_KILLED;
	case REASON_EXIT:
	case REASON_SIGNAL:
	case REASON_TIMEOUT:
	case REASON_CPU:
	case REASON_MEMORY:
	case REASON_OUTPUT:
	case REASON_DISK:
	case REASON_PROCESSES:
	case REASON_COMPILE:
	case REASON_PLATFORM:
	case REASON_COUNT:
		break;
	}
	return STATUS_FAILED;
}

struct settle
settle_decide(const struct settle_facts *f)
{
	enum reason r = REASON_PLATFORM;
	if (f->result != NULL)
		r = f->result->reason;
	else if (f->cancelled)
		r = REASON_CANCELLED;
	/*
	 * Only what never reached its code is tried again: a second run of
	 * code that did run would be a surprise to whoever sees its output.
	 * A sandbox that died as it waited says nothing about the workload,
	 * so there is always one more attempt, and that in a new sandbox.
	 */
	uint64_t last = f->attempts_max + (f->warm && f->attempt == 1);
	if (f->result == NULL && !f->cancelled && !f->started &&
		f->attempt < last)
		return (struct settle){.give_back = true,
			.status = STATUS_PENDING,
			.reason = REASON_PLATFORM};
	return (struct settle){.status = status_of(r), .reason = r};
}
