/* The run that a keeper was given, read from the queue's frames. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "poison.h"

void
job_init(struct job *j)
{
	*j = (struct job){.warmth = WARMTH_COLD};
}

void
job_done(struct job *j)
{
	for (size_t i = 0; i < j->spec.file_count; i++)
		free((void *)(uintptr_t)j->files[i].name);
	free(j->files);
	free(j->entrypoint);
	free(j->args);
	free(j->env);
	free(j->input);
	free(j->stdin_data);
	free(j->compiled);
	job_init(j);
}

static int
take_bytes(const struct wire_frame *f, char **into, struct verr *e)
{
	if (*into != NULL)
		return verr_set(e, VERR_PROTO, 0, "frame '%s' came twice",
			wire_type_text(f->type));
	char *copy = malloc(f->len + 1);
	if (copy == NULL)
		return verr_set(
			e, VERR_HOST, ENOMEM, "frame of %zu bytes", f->len);
	memcpy(copy, f->data, f->len);
	copy[f->len] = '\0';
	*into = copy;
	return 0;
}

static int
take_file(struct job *j, const struct wire_frame *f, struct verr *e)
{
	size_t name_len =
		f->len < 2 ? 0 : (size_t)f->data[0] | (size_t)f->data[1] << 8;
	if (name_len == 0 || name_len > f->len - 2 ||
		memchr(f->data + 2, '\0', name_len) != NULL)
		return verr_set(e, VERR_PROTO, 0, "file without a name");
	if (j->spec.file_count == j->file_room) {
		size_t room = j->file_room == 0 ? 4 : j->file_room * 2;
		struct run_file *files =
			reallocarray(j->files, room, sizeof(*files));
		if (files == NULL)
			return verr_set(
				e, VERR_HOST, ENOMEM, "%zu files", room);
		j->files = files;
		j->file_room = room;
		j->spec.files = files;
	}
	/* The name and the content share one piece of memory. */
	size_t n = f->len - 2 - name_len;
	char *copy = malloc(name_len + 1 + n + 1);
	if (copy == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "file of %zu bytes", n);
	memcpy(copy, f->data + 2, name_len);
	copy[name_len] = '\0';
	memcpy(copy + name_len + 1, f->data + 2 + name_len, n);
	copy[name_len + 1 + n] = '\0';
	j->files[j->spec.file_count++] = (struct run_file){
		.name = copy, .data = copy + name_len + 1, .len = n};
	return 0;
}

static const char *
text_of(const cJSON *o, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
}

static int
take_limit(const cJSON *o, const char *key, const struct conf_limit *bounds,
	uint64_t *ret, struct verr *e)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
	double max = (double)bounds->max;
	if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0) ||
		v->valuedouble > max ||
		v->valuedouble != (double)(uint64_t)v->valuedouble)
		return verr_set(e, VERR_PROTO, 0,
			"limit %s is missing or above %.0f", key, max);
	*ret = (uint64_t)v->valuedouble;
	return 0;
}

static int
take_limits(const cJSON *o, const struct conf *c, struct run_limits *l,
	struct verr *e)
{
	const struct {
		const char *key;
		const struct conf_limit *bounds;
		uint64_t *into;
	} all[] = {
		{"wall_ms", &c->wall_ms, &l->wall_ms},
		{"cpu_ms", &c->cpu_ms, &l->cpu_ms},
		{"memory_mib", &c->memory_mib, &l->memory_mib},
		{"vcpus", &c->vcpus, &l->vcpus},
		{"processes", &c->processes, &l->processes},
		{"disk_mib", &c->disk_mib, &l->disk_mib},
		{"output_bytes", &c->output_bytes, &l->output_bytes},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (take_limit(o, all[i].key, all[i].bounds, all[i].into, e) ==
			-1)
			return -1;
	if (l->wall_ms == 0 || l->cpu_ms == 0 || l->memory_mib == 0)
		return verr_set(e, VERR_PROTO, 0, "a limit is 0");
	return 0;
}

static int
take_object(struct job *j, const struct conf *c, const cJSON *o, struct verr *e)
{
	const char *id = text_of(o, "id");
	const char *runtime = text_of(o, "runtime");
	const char *entrypoint = text_of(o, "entrypoint");
	const char *sandbox = text_of(o, "sandbox");
	const cJSON *args = cJSON_GetObjectItemCaseSensitive(o, "args");
	const cJSON *env = cJSON_GetObjectItemCaseSensitive(o, "env");
	if (id == NULL || strlen(id) >= sizeof(j->id) || runtime == NULL ||
		!runtime_parse(runtime, &j->spec.runtime) ||
		entrypoint == NULL || sandbox == NULL ||
		!warmth_parse(sandbox, &j->warmth) || !cJSON_IsArray(args) ||
		!cJSON_IsObject(env))
		return verr_set(e, VERR_PROTO, 0,
			"spec with a field missing or of a wrong type");
	memcpy(j->id, id, strlen(id) + 1);
	j->entrypoint = strdup(entrypoint);
	j->args = cJSON_PrintUnformatted(args);
	j->env = cJSON_PrintUnformatted(env);
	if (j->entrypoint == NULL || j->args == NULL || j->env == NULL)
		return verr_set(e, VERR_HOST, ENOMEM, "spec");
	j->spec.id = j->id;
	j->spec.entrypoint = j->entrypoint;
	j->spec.args = j->args;
	j->spec.env = j->env;
	return take_limits(cJSON_GetObjectItemCaseSensitive(o, "limits"), c,
		&j->spec.limits, e);
}

static int
take_spec(struct job *j, const struct conf *c, const struct wire_frame *f,
	struct verr *e)
{
	if (j->has_spec)
		return verr_set(e, VERR_PROTO, 0, "frame 'spec' came twice");
	cJSON *o = cJSON_ParseWithLength((const char *)f->data, f->len);
	if (o == NULL)
		return verr_set(e, VERR_PROTO, 0, "spec is not JSON");
	int r = take_object(j, c, o, e);
	cJSON_Delete(o);
	j->has_spec = r == 0;
	return r;
}

int
job_take(struct job *j, const struct conf *c, const struct wire_frame *f,
	struct verr *e)
{
	if (f->type != WIRE_SPEC && !j->has_spec)
		return verr_set(e, VERR_PROTO, 0, "frame '%s' before the spec",
			wire_type_text(f->type));
	struct run_spec *s = &j->spec;
	int r;
	switch ((unsigned)f->type) {
	case WIRE_SPEC:
		return take_spec(j, c, f, e);
	case WIRE_FILE:
		return take_file(j, f, e);
	case WIRE_COMPILED:
		r = take_bytes(f, &j->compiled, e);
		s->compiled = j->compiled;
		s->compiled_len = f->len;
		return r;
	case WIRE_INPUT:
		r = take_bytes(f, &j->input, e);
		s->input = j->input;
		s->input_len = f->len;
		return r;
	case WIRE_STDIN:
		r = take_bytes(f, &j->stdin_data, e);
		s->stdin_data = j->stdin_data;
		s->stdin_len = f->len;
		return r;
	case WIRE_GO:
		return 1;
	default:
		return verr_set(e, VERR_PROTO, 0, "frame '%s' before the run",
			wire_type_text(f->type));
	}
}
