/* vulcan-runner: enters the role that its arguments name. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "log.h"
#include "poison.h"
#include "roles.h"

static int
usage(void)
{
	fputs("usage: vulcan-runner [-V] [-f vulcan.conf]\n", stderr);
	return ROLE_EXIT_NO_USE;
}

int
main(int argc, char **argv)
{
	const char *path = "/etc/vulcan/vulcan.conf";
	int c;
	while ((c = getopt(argc, argv, "Vf:")) != -1) {
		switch (c) {
		case 'V':
			puts("vulcan-runner " VULCAN_VERSION);
			return 0;
		case 'f':
			path = optarg;
			break;
		default:
			return usage();
		}
	}
	bool queue = argc - optind == 1 && strcmp(argv[optind], "queue") == 0;
	if (argc != optind && !queue)
		return usage();
	/* Whatever it was started with: guests read what is laid out. */
	umask(0022);
	log_open(queue ? "queue" : "warden");
	static struct conf conf;
	struct verr e;
	if (conf_load(path, &conf, &e) == -1) {
		log_verr(&e, "cannot start");
		return ROLE_EXIT_NO_USE;
	}
	return queue ? queue_role(&conf) : warden_role(&conf, path);
}
