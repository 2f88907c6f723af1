/* Runs a fuzz target over files and folders of its corpus. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "fd.h"
#include "poison.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(int dirfd, const char *name)
{
	struct verr e;
	struct buf v_autobuf b = BUF(64 << 20);
	if (fd_read_file(dirfd, name, &b, &e) == -1) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	LLVMFuzzerTestOneInput((const uint8_t *)buf_text(&b), b.len);
	return 0;
}

static int
replay_folder(const char *path)
{
	DIR *dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return -1;
	}
	int count = 0;
	for (struct dirent *d; (d = readdir(dir)) != NULL;) {
		if (d->d_name[0] == '.')
			continue;
		if (replay(dirfd(dir), d->d_name) == -1) {
			closedir(dir);
			return -1;
		}
		count++;
	}
	closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	int count = 0;
	for (int i = 1; i < argc; i++) {
		int n = replay_folder(argv[i]);
		if (n == -1)
			return 1;
		count += n;
	}
	if (count == 0) {
		fprintf(stderr, "no input replayed; name a corpus folder\n");
		return 1;
	}
	printf("%d inputs replayed\n", count);
	return 0;
}
