/* The roles of vulcan-runner, as main.c enters them. */
#ifndef ROLES_H
#define ROLES_H

#include "conf.h"

/*
 * Exit codes: the warden tries a queue again, unless it says NO_USE and none
 * was ever ready.
 */
#define ROLE_EXIT_FAILED 1
#define ROLE_EXIT_NO_USE 2

/* Both return the exit code of the process and log why. */
int warden_role(const struct conf *, const char *conf_path);
int queue_role(const struct conf *);

#endif
