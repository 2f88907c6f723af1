/* Where a multipart body goes: fields to the arena, files to the disk. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "poison.h"
#include "upload.h"
#include "utf8.h"

/* "C:\a\b.js" and "/a/b.js" are "b.js": some browsers send whole paths. */
static const char *
last_part(const char *name)
{
	const char *last = name;
	for (const char *p = name; *p != '\0'; p++)
		if (*p == '/' || *p == '\\')
			last = p + 1;
	return last;
}

static int
begin_file(struct upload *u, const struct multipart_part *part, struct verr *e)
{
	if (u->file_count == u->limits.files_max ||
		u->file_count == UPLOAD_FILES_MAX) {
		field_refuse(u->field, e, part->name, "more than %zu files",
			u->file_count);
		e->kind = VERR_LIMIT;
		return -1;
	}
	int fd = openat(u->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1)
		return verr_set(
			e, VERR_HOST, errno, "making a file for an upload");
	struct upload_file *f = &u->files[u->file_count++];
	*f = (struct upload_file){.field = part->name,
		.name = last_part(part->filename),
		.content_type = part->content_type,
		.fd = fd};
	u->in_file = true;
	crypto_hash_sha256_init(u->hash);
	return 0;
}

static int
part_begin(void *arg, const struct multipart_part *part, struct verr *e)
{
	struct upload *u = arg;
	u->name = part->name;
	u->in_file = false;
	if (part->filename != NULL)
		return begin_file(u, part, e);
	if (u->form.count == u->limits.fields_max) {
		field_refuse(u->field, e, part->name, "more than %zu fields",
			u->limits.fields_max);
		e->kind = VERR_LIMIT;
		return -1;
	}
	buf_reset(&u->value);
	return 0;
}

static int
file_data(struct upload *u, const void *p, size_t n, struct verr *e)
{
	struct upload_file *f = &u->files[u->file_count - 1];
	f->bytes += n;
	if (f->bytes > u->limits.file_bytes_max) {
		field_refuse(u->field, e, u->name,
			"the file is larger than %llu bytes",
			(unsigned long long)u->limits.file_bytes_max);
		e->kind = VERR_LIMIT;
		return -1;
	}
	crypto_hash_sha256_update(u->hash, p, n);
	if (fd_write_all(f->fd, p, n, e) == -1)
		return verr_wrap(e, "keeping an upload");
	return 0;
}

static int
part_data(void *arg, const void *p, size_t n, struct verr *e)
{
	struct upload *u = arg;
	if (u->in_file)
		return file_data(u, p, n, e);
	if (n > u->limits.field_bytes_max - u->value.len) {
		field_refuse(u->field, e, u->name, "longer than %zu bytes",
			u->limits.field_bytes_max);
		e->kind = VERR_LIMIT;
		return -1;
	}
	return buf_add(&u->value, p, n, e);
}

static int
end_file(struct upload *u, struct verr *e)
{
	struct upload_file *f = &u->files[u->file_count - 1];
	if (f->name[0] == '\0' && f->bytes == 0) {
		fd_close(&f->fd);
		u->file_count--;
		return 0;
	}
	unsigned char sum[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_final(u->hash, sum);
	sodium_bin2hex(f->sha256, sizeof(f->sha256), sum, sizeof(sum));
	if (lseek(f->fd, 0, SEEK_SET) == -1)
		return verr_set(e, VERR_HOST, errno, "rewinding an upload");
	return 0;
}

static int
part_end(void *arg, struct verr *e)
{
	struct upload *u = arg;
	if (u->in_file)
		return end_file(u, e);
	if (memchr(buf_text(&u->value), '\0', u->value.len) != NULL)
		return field_refuse(u->field, e, u->name, "holds a NUL");
	if (!utf8_valid(buf_text(&u->value), u->value.len))
		return field_refuse(u->field, e, u->name, "is not UTF-8");
	form_add(u->arena, &u->form, u->name,
		arena_bytes(u->arena, buf_text(&u->value), u->value.len));
	return 0;
}

int
upload_init(struct upload *u, struct arena *a, const char *content_type,
	int dir_fd, const struct upload_limits *limits,
	struct field_error *field, struct verr *e)
{
	static const struct multipart_sink sink = {
		.part_begin = part_begin,
		.part_data = part_data,
		.part_end = part_end,
	};
	*field = (struct field_error){0};
	*u = (struct upload){.arena = a,
		.dir_fd = dir_fd,
		.limits = *limits,
		.field = field};
	u->hash = arena_alloc(a, sizeof(*u->hash));
	buf_init(&u->value, limits->field_bytes_max);
	if (u->limits.files_max > UPLOAD_FILES_MAX)
		u->limits.files_max = UPLOAD_FILES_MAX;
	u->files = arena_array(
		a, u->limits.files_max + 1, sizeof(struct upload_file));
	struct multipart_limits bounds = {
		.parts_max = limits->fields_max + u->limits.files_max + 1,
		.bytes_max = limits->total_bytes_max,
	};
	return multipart_init(
		&u->multipart, a, content_type, &bounds, &sink, u, e);
}

int
upload_feed(struct upload *u, const void *p, size_t n, struct verr *e)
{
	return multipart_feed(&u->multipart, p, n, e);
}

int
upload_end(struct upload *u, struct verr *e)
{
	return multipart_end(&u->multipart, e);
}

void
upload_done(struct upload *u)
{
	if (u == NULL)
		return;
	for (size_t i = 0; i < u->file_count; i++)
		fd_close(&u->files[i].fd);
	u->file_count = 0;
	buf_done(&u->value);
	multipart_done(&u->multipart);
}
