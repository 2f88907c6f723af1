/* Uploads: fields kept, files on disk with their hash, nothing left. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "poison.h"
#include "upload.h"

#define PART "--B\r\nContent-Disposition: form-data; name="
#define TYPE "multipart/form-data; boundary=B"

static const struct upload_limits limits = {2, 2, 8, 16, 4096};

static size_t
open_files(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int
receive(struct upload *u, struct arena *a, int dir, const char *body,
	struct field_error *f, struct verr *e)
{
	if (upload_init(u, a, TYPE, dir, &limits, f, e) == -1 ||
		upload_feed(u, body, strlen(body), e) == -1)
		return -1;
	return upload_end(u, e);
}

static void
kept(void **state)
{
	(void)state;
	int v_autoclose dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct arena v_autoarena a = {0};
	struct upload v_autoupload u = UPLOAD;
	struct field_error f;
	struct verr e;
	assert_int_equal(
		receive(&u, &a, dir,
			PART
			"a\r\n\r\nvalue\r\n" PART
			"f; filename=\"C:\\\\d\\\\x.js\"\r\n\r\nabc\r\n" PART
			"g; filename=\"\"\r\n\r\n\r\n--B--",
			&f, &e),
		0);
	assert_string_equal(form_get(&u.form, "a"), "value");
	assert_int_equal(u.file_count, 1);
	assert_string_equal(u.files[0].name, "x.js");
	assert_string_equal(u.files[0].sha256,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61"
		"f20015ad");
	char text[4];
	assert_int_equal(read(u.files[0].fd, text, 4), 3);
	assert_memory_equal(text, "abc", 3);
}

static const struct {
	const char *body;
	const char *field;
} wrong[] = {
	{PART "a\r\n\r\n123456789\r\n--B--", "a"},
	{PART "a\r\n\r\n\xff\r\n--B--", "a"},
	{PART "f; filename=x\r\n\r\n12345678901234567\r\n--B--", "f"},
	{PART "f; filename=x\r\n\r\n1\r\n" PART
	      "f; filename=y\r\n\r\n2\r\n" PART "h; filename=z\r\n\r\n3\r\n",
		"h"},
	{PART "a\r\n\r\n\r\n" PART "b\r\n\r\n\r\n" PART "c\r\n\r\n\r\n", "c"},
	{PART "f; filename=x\r\n\r\n123", ""},
};

static void
refused(void **state)
{
	(void)state;
	int v_autoclose dir = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t before = open_files();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct arena v_autoarena a = {0};
		struct upload u = UPLOAD;
		struct field_error f;
		struct verr e;
		assert_int_equal(
			receive(&u, &a, dir, wrong[i].body, &f, &e), -1);
		assert_string_equal(f.field, wrong[i].field);
		upload_done(&u);
		upload_done(&u);
		assert_int_equal(open_files(), before);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
