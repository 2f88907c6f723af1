/* What both jails of this tier do alike. */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine.h"
#include "fd.h"
#include "poison.h"

static int
write_out(scmp_filter_ctx f, struct sock_fprog *ret, struct verr *e)
{
	int v_autoclose fd = memfd_create("filter", MFD_CLOEXEC);
	struct stat st;
	if (fd == -1 || seccomp_export_bpf(f, fd) != 0 || fstat(fd, &st) == -1)
		return verr_set(e, VERR_HOST, errno, "writing the filter");
	struct sock_filter *code = malloc((size_t)st.st_size);
	if (code == NULL ||
		pread(fd, code, (size_t)st.st_size, 0) != st.st_size) {
		free(code);
		return verr_set(e, VERR_HOST, errno, "reading the filter");
	}
	ret->len = (unsigned short)((size_t)st.st_size / sizeof(*code));
	ret->filter = code;
	return 0;
}

int
confine_filter(scmp_filter_ctx f, struct sock_fprog *ret, struct verr *e)
{
	int r = write_out(f, ret, e);
	seccomp_release(f);
	return r;
}

int
confine_enter(const struct sock_fprog *prog)
{
	return (int)syscall(
		SYS_seccomp, 1 /* SECCOMP_SET_MODE_FILTER */, 0, prog);
}

int
confine_user(uid_t uid)
{
	gid_t gid = (gid_t)uid;
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1)
		return -1;
	/* The change of user cleared the last two. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		prctl(PR_SET_DUMPABLE, 0) == -1 ||
		prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		return -1;
	return setresuid(0, 0, 0) == -1 ? 0 : -1;
}
