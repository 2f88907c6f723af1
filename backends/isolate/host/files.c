/* The files of one run and how their names are resolved. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "poison.h"

struct file {
	struct shim_text name;
	struct shim_text content;
};

/* One process serves one run, so there is one table; it is never freed. */
static struct file *files;
static size_t count, room;

static struct file *
find(struct shim_text name)
{
	for (size_t i = 0; i < count; i++)
		if (files[i].name.len == name.len &&
			memcmp(files[i].name.data, name.data, name.len) == 0)
			return &files[i];
	return NULL;
}

int
files_set(struct shim_text name, struct shim_text content, struct verr *e)
{
	struct file *f = find(name);
	if (f == NULL) {
		if (count == room) {
			room = room == 0 ? 16 : room * 2;
			struct file *more =
				realloc(files, room * sizeof(*more));
			if (more == NULL)
				return verr_set(e, VERR_HOST, ENOMEM, "files");
			files = more;
		}
		f = &files[count++];
	}
	*f = (struct file){.name = name, .content = content};
	return 0;
}

int
files_add(const void *payload, size_t len, struct verr *e)
{
	const unsigned char *p = payload;
	size_t name_len = len >= 2 ? (size_t)p[0] | (size_t)p[1] << 8 : 0;
	if (name_len == 0 || name_len > len - 2)
		return verr_set(e, VERR_PROTO, 0, "a file without a name");
	char *copy = malloc(len);
	if (copy == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "a file");
	memcpy(copy, p + 2, len - 2);
	struct shim_text name = {copy, name_len};
	struct shim_text content = {copy + name_len, len - 2 - name_len};
	/* A byte order mark is no part of the text. */
	if (content.len >= 3 && memcmp(content.data, "\xef\xbb\xbf", 3) == 0) {
		content.data += 3;
		content.len -= 3;
	}
	/* A script is compiled as a function's body, which has no "#!". */
	if (content.len >= 2 && memcmp(content.data, "#!", 2) == 0)
		memcpy(copy + (content.data - copy), "//", 2);
	if (find(name) != NULL) {
		free(copy);
		return verr_set(e, VERR_PROTO, 0, "the same file twice");
	}
	return files_set(name, content, e);
}

void
files_clear(void)
{
	count = 0;
}

bool
files_get(struct shim_text name, struct shim_text *ret)
{
	const struct file *f = find(name);
	if (f == NULL)
		return false;
	*ret = f->content;
	return true;
}

/*
 * Joins a relative specifier to the folder of `from`, taking "." and ".." out;
 * false when it is too long or leaves the files' root.
 */
static bool
join(struct shim_text from, struct shim_text spec, char *out, size_t size)
{
	size_t len = from.len;
	while (len > 0 && from.data[len - 1] != '/')
		len--;
	if (len >= size)
		return false;
	memcpy(out, from.data, len);
	for (size_t at = 0; at < spec.len;) {
		size_t n = 0;
		while (at + n < spec.len && spec.data[at + n] != '/')
			n++;
		const char *part = spec.data + at;
		at += n + 1;
		if (n == 0 || (n == 1 && part[0] == '.'))
			continue;
		if (n == 2 && memcmp(part, "..", 2) == 0) {
			if (len == 0)
				return false;
			for (len--; len > 0 && out[len - 1] != '/';)
				len--;
			continue;
		}
		if (n > size - len - 2)
			return false;
		memcpy(out + len, part, n);
		len += n;
		out[len++] = '/';
	}
	if (len > 0)
		len--;
	out[len] = '\0';
	return true;
}

static bool
try_ending(char *name, const char *ending)
{
	size_t n = strlen(name);
	size_t more = strlen(ending);
	if (n + more >= SHIM_NAME_BYTES)
		return false;
	memcpy(name + n, ending, more + 1);
	if (find((struct shim_text){name, n + more}) != NULL)
		return true;
	name[n] = '\0';
	return false;
}

static bool
is_relative(struct shim_text s)
{
	return (s.len >= 2 && memcmp(s.data, "./", 2) == 0) ||
		(s.len >= 3 && memcmp(s.data, "../", 3) == 0) ||
		(s.len == 1 && s.data[0] == '.') ||
		(s.len == 2 && memcmp(s.data, "..", 2) == 0);
}

static const char *const endings[] = {
	".js", ".json", ".cjs", ".mjs", "/index.js", "index.js"};

bool
files_resolve(struct shim_text from, struct shim_text spec, bool search,
	char out[SHIM_NAME_BYTES])
{
	int shown = (int)(spec.len < 200 ? spec.len : 200);
	if (!is_relative(spec)) {
		snprintf(out, SHIM_NAME_BYTES,
			"Cannot find module '%.*s': only files of the workload "
			"can be imported, by a name that starts with './'",
			shown, spec.data);
		return false;
	}
	char name[SHIM_NAME_BYTES];
	bool joined = join(from, spec, name, sizeof(name));
	bool found =
		joined && find((struct shim_text){name, strlen(name)}) != NULL;
	const char *hint = NULL;
	for (size_t i = 0; joined && !found && hint == NULL &&
		i < sizeof(endings) / sizeof(endings[0]);
		i++) {
		if (!try_ending(name, endings[i]))
			continue;
		if (search)
			found = true;
		else
			hint = endings[i];
	}
	if (found) {
		memcpy(out, name, strlen(name) + 1);
		return true;
	}
	snprintf(out, SHIM_NAME_BYTES,
		"Cannot find module '%.*s' imported from %.*s%s%s%s", shown,
		spec.data, (int)(from.len < 100 ? from.len : 100), from.data,
		hint != NULL ? "; did you mean '" : "",
		hint != NULL ? name : "", hint != NULL ? "'?" : "");
	return false;
}
