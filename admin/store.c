/* Commands on the database as a file: init, migrate, check; and conf. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "admin.h"
#include "fd.h"
#include "poison.h"

int
admin_init(struct call *c, struct verr *e)
{
	struct buf v_autobuf schema = BUF(1 << 20);
	if (fd_read_file(AT_FDCWD, c->conf->schema, &schema, e) == -1)
		return verr_wrap(e, "setting `schema` of vulcan.conf");
	int made = db_create(c->db_path, buf_text(&schema), e);
	if (made == -1)
		return -1;
	if (made == 0) {
		printf("%s is there already\n", c->db_path);
		return 0;
	}
	if (geteuid() == 0 &&
		lchown(c->db_path, 0, (gid_t)c->conf->group_gid) == -1)
		return verr_set(e, VERR_HOST, errno,
			"giving %s to the group of vulcan.conf", c->db_path);
	printf("made %s\n", c->db_path);
	return 0;
}

int
admin_migrate(struct call *c, struct verr *e)
{
	int done = db_migrate(c->db_path, e);
	if (done == -1)
		return -1;
	printf("%s %s schema version %d\n", c->db_path,
		done == 1 ? "now has" : "has", DB_SCHEMA_VERSION);
	return 0;
}

static int
complain(void *arg, const char *text)
{
	(void)arg;
	printf("%s\n", text);
	return 0;
}

int
admin_check(struct call *c, struct verr *e)
{
	int sound = db_check(c->db_path, complain, NULL, e);
	if (sound == -1)
		return -1;
	printf("%s is %s\n", c->db_path,
		sound == 1 ? "sound"
			   : "damaged: stop Vulcan and restore a backup");
	return sound == 1 ? 0 : 1;
}

int
admin_conf(struct call *c, struct verr *e)
{
	struct buf v_autobuf text = BUF(1 << 20);
	if (conf_print(c->conf, &text, e) == -1)
		return -1;
	fputs(buf_text(&text), stdout);
	return 0;
}
