/* Fault injection for tests. */
#include "fail.h"

#ifdef VULCAN_FAIL_POINTS
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
fail_point(const char *name)
{
	const char *want = getenv("VULCAN_FAIL");
	size_t n = strlen(name);
	if (want == NULL || strncmp(want, name, n) != 0 || want[n] != ':')
		return;
	if (strcmp(want + n + 1, "once") == 0) {
		const char *mark = getenv("VULCAN_FAIL_MARK");
		int fd = mark == NULL
			? -1
			: open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				  0600);
		if (fd == -1)
			return;
		close(fd);
	}
	raise(SIGKILL);
}
#endif
