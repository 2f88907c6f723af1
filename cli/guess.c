/* What a file is, told from its name. */
#include <string.h>

#include "guess.h"
#include "poison.h"
#include "words.h"

static const struct {
	const char *ending;
	enum runtime runtime;
} endings[] = {
	{".js", RUNTIME_JAVASCRIPT},
	{".mjs", RUNTIME_JAVASCRIPT},
	{".cjs", RUNTIME_JAVASCRIPT},
	{".ts", RUNTIME_TYPESCRIPT},
	{".mts", RUNTIME_TYPESCRIPT},
	{".cts", RUNTIME_TYPESCRIPT},
	{".tsx", RUNTIME_TYPESCRIPT},
	{".py", RUNTIME_PYTHON},
	{".go", RUNTIME_GO},
	{".c", RUNTIME_C},
	{".sh", RUNTIME_SHELL},
};

static bool
ends_in(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);
	return n > m && strcmp(path + n - m, ending) == 0 &&
		path[n - m - 1] != '/';
}

const char *
guess_runtime(const char *path)
{
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ends_in(path, endings[i].ending))
			return runtime_text(endings[i].runtime);
	return NULL;
}

bool
guess_archive(const char *path)
{
	return ends_in(path, ".tar") || ends_in(path, ".tar.gz") ||
		ends_in(path, ".tgz") || ends_in(path, ".tar.zst") ||
		ends_in(path, ".zip");
}

static bool
climbs(const char *path)
{
	for (const char *p = path; *p != '\0';) {
		size_t n = strcspn(p, "/");
		if (n == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += n;
		p += strspn(p, "/");
	}
	return false;
}

const char *
guess_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return path;
	if (path[0] == '/' || climbs(path))
		return slash + 1;
	while (path[0] == '.' && path[1] == '/') {
		path += 2;
		path += strspn(path, "/");
	}
	return path;
}
