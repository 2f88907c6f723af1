/* The zygote's own jail. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "jail.h"
#include "poison.h"
#include "proc.h"

/*
 * The runner's unit protects it from the kernel's killer, and that is
 * inherited; guests and their host go before anything else of the machine.
 */
static int
give_up_protection(struct verr *e)
{
	int v_autoclose fd =
		open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1 || write(fd, "500", 3) != 3)
		return verr_set(e, VERR_HOST, errno, "oom_score_adj");
	return 0;
}

static int
empty_root(struct verr *e)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return verr_set(e, VERR_HOST, errno, "private mounts");
	if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		    "mode=0555,size=4k,nr_inodes=2") == -1)
		return verr_set(e, VERR_HOST, errno, "mounting an empty root");
	if (chdir("/tmp") == -1 || syscall(SYS_pivot_root, ".", ".") == -1)
		return verr_set(e, VERR_HOST, errno, "pivot_root");
	/* The old root lies above the new one at the same place. */
	if (umount2(".", MNT_DETACH) == -1 || chdir("/") == -1)
		return verr_set(e, VERR_HOST, errno, "leaving the old root");
	if (mount(NULL, "/", NULL,
		    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV |
			    MS_NOEXEC,
		    NULL) == -1)
		return verr_set(e, VERR_HOST, errno, "a read-only root");
	return 0;
}

/*
 * SYS_ADMIN: namespaces for children; SETUID, SETGID: their users; KILL: to
 * end them; SYS_RESOURCE is not needed, as limits are only lowered.
 */
static const int kept[] = {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_KILL};

static int
drop_capabilities(struct verr *e)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) == -1 && errno != EINVAL)
			return verr_set(
				e, VERR_HOST, errno, "capability %d", cap);
	uint64_t keep = 0;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		keep |= UINT64_C(1) << kept[i];
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{.effective = (uint32_t)keep, .permitted = (uint32_t)keep},
		{.effective = (uint32_t)(keep >> 32),
			.permitted = (uint32_t)(keep >> 32)},
	};
	if (syscall(SYS_capset, &head, data) == -1)
		return verr_set(e, VERR_HOST, errno, "capset");
	return 0;
}

int
jail_enter(struct verr *e)
{
	if (proc_die_with_parent(e) == -1 || give_up_protection(e) == -1)
		return -1;
	/*
	 * No cgroup namespace: where cgroup2 is mounted with nsdelegate, as
	 * systemd does, children could not be born outside of its root, and
	 * they see neither /proc nor a cgroup file anyway. The name of the
	 * host stays: the filter of a child has no uname.
	 */
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) ==
		-1)
		return verr_set(e, VERR_HOST, errno, "new namespaces");
	if (empty_root(e) == -1)
		return -1;
	umask(077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		prctl(PR_SET_DUMPABLE, 0) == -1)
		return verr_set(e, VERR_HOST, errno, "no new privileges");
	return drop_capabilities(e);
}
