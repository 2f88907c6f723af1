/* How a run ends: the one table from facts to a status, as a pure function. */
#ifndef SETTLE_H
#define SETTLE_H

#include "run.h"

struct settle_facts {
	const struct run_result *result; /* NULL: Vulcan failed */
	bool cancelled; /* its end was asked for */
	bool started; /* guest code may have run */
	bool warm; /* its sandbox had waited for it */
	uint64_t attempt, attempts_max;
};

struct settle {
	bool give_back; /* back to pending, for the next attempt */
	enum status status;
	enum reason reason;
};

struct settle settle_decide(const struct settle_facts *);

#endif
