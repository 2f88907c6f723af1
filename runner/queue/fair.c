/* Whose turn it is. */
#include <string.h>

#include "fair.h"
#include "poison.h"

int
fair_pick(const struct fair_user *users, size_t count, unsigned running_max)
{
	int best = -1;
	for (size_t i = 0; i < count; i++) {
		const struct fair_user *u = &users[i];
		if (u->head[0] == '\0' || u->running >= running_max)
			continue;
		if (best == -1 || u->running < users[best].running ||
			(u->running == users[best].running &&
				strcmp(u->head, users[best].head) < 0))
			best = (int)i;
	}
	return best;
}
