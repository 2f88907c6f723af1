/* What the commands of vulcan-admin share. */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>

#include "conf.h"
#include "db.h"
#include "verr.h"

#define ADMIN_ARGS_MAX 4

/* What one command was called with. */
struct call {
	const struct conf *conf;
	char db_path[CONF_PATH_BYTES + 16];
	const char *args[ADMIN_ARGS_MAX]; /* in order, without the options */
	int count;
	bool admin; /* --admin */
	bool password_stdin; /* --password-stdin */
};

/* The commands: 0 done, 1 the answer is no, -1 the error. */
int admin_init(struct call *, struct verr *);
int admin_migrate(struct call *, struct verr *);
int admin_check(struct call *, struct verr *);
int admin_conf(struct call *, struct verr *);
int admin_user_add(struct call *, struct verr *);
int admin_user_list(struct call *, struct verr *);
int admin_user_password(struct call *, struct verr *);
int admin_login_link(struct call *, struct verr *);
int admin_key_add(struct call *, struct verr *);
int admin_key_list(struct call *, struct verr *);
int admin_key_revoke(struct call *, struct verr *);

#endif
