/* Counters that only the runner knows. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "poison.h"
#include "stats.h"

#define GAP_NS INT64_C(1000000000)

static const char *const names[] = {
	[STAT_WARM_HITS] = "warm_hits",
	[STAT_WARM_MISSES] = "warm_misses",
	[STAT_KEEPERS_STARTED] = "keepers_started",
	[STAT_KEEPERS_KILLED] = "keepers_killed",
	[STAT_WARM_LOST] = "warm_lost",
	[STAT_RUNS_CLAIMED] = "runs_claimed",
	[STAT_RUNS_FINISHED] = "runs_finished",
	[STAT_RUNS_GIVEN_BACK] = "runs_given_back",
	[STAT_RUNS_RECOVERED] = "runs_recovered",
	[STAT_RESULTS_REFUSED] = "results_refused",
	[STAT_PLATFORM_FAILURES] = "platform_failures",
	[STAT_HOST_RESTARTS] = "host_restarts",
	[STAT_PUBLISH_EVENTS] = "publish_events",
	[STAT_PUBLISH_DROPS] = "publish_drops",
	[STAT_RINGS_REFUSED] = "rings_refused",
	[STAT_DB_FAILURES] = "db_failures",
	[STAT_SANDBOXES_ACTIVE] = "sandboxes_active",
	[STAT_SANDBOXES_WARM] = "sandboxes_warm",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == STAT_COUNT,
	"a name for every counter");

static int
write_file(const char *run_folder, const struct buf *b, struct verr *e)
{
	char part[512], full[512];
	snprintf(part, sizeof(part), "%s/runner.stats.new", run_folder);
	snprintf(full, sizeof(full), "%s/runner.stats", run_folder);
	unlink(part);
	int v_autoclose fd = open(part,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1 || fchmod(fd, 0640) == -1)
		return verr_set(e, VERR_HOST, errno, "writing %s", part);
	if (fd_write_all(fd, b->data, b->len, e) == -1)
		return -1;
	if (rename(part, full) == -1)
		return verr_set(e, VERR_HOST, errno, "writing %s", full);
	return 0;
}

int
stats_show(
	struct stats *s, const char *run_folder, int64_t now_ns, struct verr *e)
{
	bool changed = memcmp(s->value, s->shown, sizeof(s->value)) != 0;
	if (s->shown_ns != 0 && (!changed || now_ns - s->shown_ns < GAP_NS))
		return 0;
	struct buf v_autobuf b = BUF(4096);
	for (int i = 0; i < STAT_COUNT; i++)
		if (buf_addf(&b, e, "%s %" PRIu64 "\n", names[i],
			    s->value[i]) == -1)
			return -1;
	memcpy(s->shown, s->value, sizeof(s->shown));
	s->shown_ns = now_ns;
	return write_file(run_folder, &b, e);
}
