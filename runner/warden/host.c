/* What the warden sets up on the host: lock, folders, drivers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "poison.h"
#include "warden.h"

#define LOCK_TRIES 100 /* of 10 ms */

struct path {
	char text[CONF_PATH_BYTES + 32];
};

static struct path
beneath(const char *folder, const char *name)
{
	struct path p;
	snprintf(p.text, sizeof(p.text), "%s/%s", folder, name);
	return p;
}

/*
 * The lock is of the open file description (F_OFD_SETLK): it is gone when the
 * warden is, however that came about, and no file has to be cleaned away.
 */
int
host_lock(struct warden *w, struct verr *e)
{
	struct path p = beneath(w->conf->state, "runner.lock");
	int v_autoclose fd =
		open(p.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return verr_set(e, VERR_HOST, errno, "lock file %s", p.text);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	/* One that was just killed holds it until the kernel is through. */
	int r = fcntl(fd, F_OFD_SETLK, &l);
	for (int i = 0; r == -1 && errno == EAGAIN && i < LOCK_TRIES; i++) {
		const struct timespec moment = {.tv_nsec = 10000000};
		nanosleep(&moment, NULL);
		r = fcntl(fd, F_OFD_SETLK, &l);
	}
	if (r == -1 && (errno == EAGAIN || errno == EACCES))
		return verr_set(e, VERR_HOST, 0,
			"another vulcan-runner serves %s; stop it first",
			w->conf->state);
	if (r == -1)
		return verr_set(e, VERR_HOST, errno, "locking %s", p.text);
	w->lock = v_take_fd(&fd);
	return 0;
}

/* Makes a folder of the group where there is none; others stay as they are. */
static int
folder(const struct conf *c, const char *path, mode_t mode, uid_t owner,
	struct verr *e)
{
	if (mkdir(path, 0700) == -1) {
		if (errno == EEXIST)
			return 0;
		return verr_set(e, VERR_HOST, errno, "folder %s", path);
	}
	int v_autoclose fd =
		open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fchown(fd, owner, (gid_t)c->group_gid) == -1 ||
		fchmod(fd, mode) == -1)
		return verr_set(e, VERR_HOST, errno, "folder %s", path);
	return 0;
}

int
host_folders(const struct conf *c, struct verr *e)
{
	struct path web = beneath(c->run, "web");
	struct path cache = beneath(c->state, "cache");
	struct path compiled = beneath(c->state, "cache/compiled");
	uid_t queue = (uid_t)c->queue_uid;
	if (folder(c, c->run, 03770, 0, e) == -1 ||
		folder(c, web.text, 02770, (uid_t)c->web_uid, e) == -1 ||
		folder(c, cache.text, 02770, queue, e) == -1)
		return -1;
	return folder(c, compiled.text, 02700, queue, e);
}

static void
watch_backend(struct warden *w, enum tier t)
{
	struct verr e;
	int fd = backend_fd(w->backends[t]);
	if (fd != -1 && warden_watch(w, fd, WATCH_BACKEND + t, &e) == -1)
		log_verr(&e, "tier %s", tier_text(t));
}

void
host_open_backends(struct warden *w)
{
	for (int t = 0; t < TIER_COUNT; t++) {
		struct verr e;
		if (w->backends[t] != NULL)
			continue;
		if (!backend_known((enum tier)t)) {
			snprintf(w->why[t], sizeof(w->why[t]),
				"not built into this version of Vulcan");
			continue;
		}
		if (backend_open((enum tier)t, w->conf, &w->backends[t], &e) ==
			-1) {
			w->backends[t] = NULL;
			memcpy(w->why[t], e.msg, sizeof(w->why[t]));
			log_verr(&e, "tier %s is off", tier_text((enum tier)t));
			continue;
		}
		watch_backend(w, (enum tier)t);
	}
}

void
host_tend(struct warden *w, enum tier t)
{
	struct verr e;
	/* Copies in keepers would keep a closed descriptor watched. */
	epoll_ctl(w->epoll, EPOLL_CTL_DEL, backend_fd(w->backends[t]), NULL);
	int lost = backend_tend(w->backends[t], &e);
	if (lost == -1)
		log_verr(&e, "host processes of tier %s", tier_text(t));
	watch_backend(w, t);
	if (lost != 1)
		return;
	log_warn("a host process of tier %s ended; another takes its place",
		tier_text(t));
	struct proto_message m = {.verb = PROTO_LOST, .tier = t};
	if (w->control != -1 && proto_send(w->control, &m, -1, &e) == -1)
		log_verr(&e, "telling the queue");
}

void
host_write_ready(const struct warden *w)
{
	struct verr e;
	struct path part = beneath(w->conf->run, "runner.ready.new");
	struct path full = beneath(w->conf->run, "runner.ready");
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	unlink(part.text);
	int v_autoclose fd = open(part.text,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1 || fchmod(fd, 0644) == -1 ||
		fd_write_all(fd, text, (size_t)n, &e) == -1 ||
		rename(part.text, full.text) == -1) {
		verr_set(&e, VERR_HOST, errno, "writing %s", full.text);
		log_verr(&e, "readiness is not shown");
	}
}

void
host_remove_ready(const struct warden *w)
{
	struct path full = beneath(w->conf->run, "runner.ready");
	unlink(full.text);
}
