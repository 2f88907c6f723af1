/* Bytes that a run left: its streams and its files. */
#include <string.h>

#include "blob.h"
#include "handlers.h"
#include "poison.h"
#include "record.h"
#include "respond.h"

#define ARTIFACT_BYTES_MAX (UINT64_C(1) << 30)

/* Raw bytes are for saving: a browser must never take them for a page. */
static int
raw(struct exchange *x, enum stream stream, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	if (record_may_see(x, id, e) == -1 ||
		record_stream(x, id, stream, &x->res.body, e) == -1 ||
		respond_header(x, "Content-Disposition",
			arena_printf(x->arena,
				"attachment; filename=\"%s-%s.txt\"", id,
				stream_text(stream)),
			e) == -1)
		return -1;
	return respond_as(x, 200, "application/octet-stream", e);
}

int
api_stdout(struct exchange *x, struct verr *e)
{
	return raw(x, STREAM_STDOUT, e);
}

int
api_stderr(struct exchange *x, struct verr *e)
{
	return raw(x, STREAM_STDERR, e);
}

struct search {
	const char *name;
	char sha256[DB_TOKEN_BYTES];
};

static int
on_artifact(void *arg, const struct db_artifact *a, struct verr *e)
{
	(void)e;
	struct search *s = arg;
	if (strcmp(a->name, s->name) != 0 ||
		strlen(a->sha256) != sizeof(s->sha256) - 1)
		return 0;
	memcpy(s->sha256, a->sha256, sizeof(s->sha256));
	return 1;
}

/* A guest chose the name: only plain letters of it reach a header. */
static const char *
plain_name(struct exchange *x, const char *name)
{
	char *out = arena_strdup(x->arena, name);
	for (char *p = out; *p != '\0'; p++)
		if ((*p < 'a' || *p > 'z') && (*p < 'A' || *p > 'Z') &&
			(*p < '0' || *p > '9') && *p != '.' && *p != '-')
			*p = '_';
	return out;
}

int
api_artifact(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	struct search s = {.name = route_captured(&x->match, "name")};
	if (record_may_see(x, id, e) == -1 ||
		db_artifact_each(x->web->db, id, on_artifact, &s, e) == -1)
		return -1;
	if (s.sha256[0] == '\0')
		return refuse(x, 404, NULL, e,
			"workload %s left no file of this name", id);
	if (blob_read(x->web, s.sha256, ARTIFACT_BYTES_MAX, &x->res.body, e) ==
			-1 ||
		respond_header(x, "Content-Disposition",
			arena_printf(x->arena, "attachment; filename=\"%s\"",
				plain_name(x, s.name)),
			e) == -1)
		return -1;
	return respond_as(x, 200, "application/octet-stream", e);
}
