/* What both roles of the runner wait with. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "poison.h"
#include "watch.h"

int
watch_open(int *ret_epoll, int *ret_signals, struct verr *e)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return verr_set(e, VERR_HOST, errno, "signal mask");
	*ret_signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	*ret_epoll = epoll_create1(EPOLL_CLOEXEC);
	if (*ret_signals == -1 || *ret_epoll == -1)
		return verr_set(e, VERR_HOST, errno, "signalfd or epoll");
	return 0;
}

int
watch_add(int epoll, int fd, unsigned what, struct verr *e)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = what};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) == -1 && errno != EEXIST)
		return verr_set(e, VERR_HOST, errno, "epoll");
	return 0;
}
