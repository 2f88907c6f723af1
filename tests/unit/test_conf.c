/* vulcan.conf: values, bounds and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf.h"
#include "poison.h"

static int
parse(const char *text, struct conf *c, struct verr *e)
{
	conf_defaults(c);
	return conf_parse("t.conf", text, strlen(text), c, e);
}

static void
test_values(void **state)
{
	(void)state;
	struct conf c;
	struct verr e;
	assert_int_equal(parse("# remark\n\n state = /x y \r\nslots=7\n"
			       "running_max\t=\t7\nwall_ms_default = 5\n"
			       "node = n1\nweb_user = 5\ngroup = 6",
				 &c, &e),
		0);
	assert_string_equal(c.state, "/x y");
	assert_int_equal(c.slots, 7);
	assert_int_equal(c.wall_ms.normal, 5);
	assert_int_equal(c.web_uid, 5);
	assert_int_equal(c.group_gid, 6);
	assert_string_equal(c.node, "n1");
}

static void
test_l01_refusals_name_the_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"\nnonsense = 1\n", "t.conf:2: unknown key 'nonsense'"},
		{"slots\n", "t.conf:1: no '='"},
		{"slots = 1\nslots = 2\n", "t.conf:2: slots is set twice"},
		{"slots = 0\n", "t.conf:1: slots: value: 0 is not within"},
		{"slots = ten\n", "t.conf:1: slots: value: not a whole"},
		{"slots = -1\n", "t.conf:1: slots: value: not a whole"},
		{"slots =\n", "t.conf:1: slots: value: a number is missing"},
		{"state =\n", "t.conf:1: state: a value is missing"},
		{"state = a\x01b\n", "t.conf:1: state: has a control"},
		{"web_user = 0\n", "t.conf:1: web_user: id: 0 is not within"},
		{"web_user = no-such-user-x\n", "t.conf:1: web_user: no user"},
		{"web_user = root\n", "t.conf:1: web_user: no user"},
		{"group = no-such-group-x\n", "t.conf:1: group: no group"},
		{"wall_ms_default = 9\nwall_ms_max = 8\n",
			"t.conf: wall_ms_default is above wall_ms_max"},
		{"web_workers = 2\nweb_waiting = 2\n",
			"t.conf: web_waiting must be below"},
		{"slots = 2\nrunning_max = 3\n",
			"t.conf: running_max is above slots"},
		{"slot_uid_first = 61000\n",
			"t.conf: the slots' ids 61000 to 61127 cover web_user"},
		{"slot_uid_first = 61101\n",
			"t.conf: the slots' ids 61101 to 61228 cover "
			"queue_user (61101)"},
		{"web_user = 5\nqueue_user = 6\nslot_uid_first = 61000\n"
		 "group = 61127\n",
			"t.conf: the slots' ids 61000 to 61127 cover group"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf c;
		struct verr e;
		assert_int_equal(parse(cases[i].text, &c, &e), -1);
		assert_int_equal(e.kind, VERR_INPUT);
		if (strncmp(e.msg, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("'%s' gave '%s'", cases[i].text, e.msg);
	}
}

static void
test_files(void **state)
{
	(void)state;
	struct conf c;
	struct verr e;
	char path[] = "/tmp/vulcan-conf-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "slots = 99\n", 11), 11);
	close(fd);
	assert_int_equal(conf_load(path, &c, &e), 0);
	assert_int_equal(c.slots, 99);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(conf_load(path, &c, &e), -1);
	assert_non_null(strstr(e.msg, "chmod go-w"));
	assert_int_equal(chmod(path, 0660), 0);
	assert_int_equal(conf_load(path, &c, &e), getegid() == 0 ? 0 : -1);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 0, 7), 0);
		assert_int_equal(conf_load(path, &c, &e), -1);
		assert_non_null(strstr(e.msg, "chmod go-w"));
	}
	unlink(path);
	assert_int_equal(conf_load(path, &c, &e), -1);
	assert_int_equal(e.kind, VERR_HOST);
}

static void
test_print_is_read_back(void **state)
{
	(void)state;
	struct conf c;
	struct verr e;
	struct buf v_autobuf text = BUF(1 << 20);
	conf_defaults(&c);
	assert_int_equal(conf_print(&c, &text, &e), 0);
	assert_non_null(strstr(buf_text(&text), "slots = 128\t#"));
	assert_non_null(strstr(buf_text(&text), "output_bytes_max = "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_l01_refusals_name_the_line),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_print_is_read_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
