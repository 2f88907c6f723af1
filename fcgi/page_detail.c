/* One workload: what it was given, how it stands, what came out. */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "blob.h"
#include "csrf.h"
#include "handlers.h"
#include "poison.h"
#include "record.h"
#include "respond.h"
#include "show.h"
#include "submit.h"
#include "utf8.h"
#include "wait.h"

#define LOG_CHUNKS 1000 /* shown at once; the rest follows */
#define LOG_BYTES 262144
#define TEXT_BYTES 65536 /* of one stream, one file, one value */
#define CANCEL_WAIT_MS 2500

struct detail {
	struct exchange *x;
	cJSON *v;
	cJSON *lines;
	cJSON *row; /* the line that the next chunk may go on with */
	struct buf text; /* of that line */
	enum stream stream;
	int64_t after;
	int64_t last_seq;
	size_t chunks, bytes;
	cJSON *list;
};

/* Text of a page, cut where a character ends. */
static const char *
cut(struct exchange *x, const void *p, size_t n)
{
	return show_text(x->arena, p, utf8_cut(p, n, TEXT_BYTES));
}

static void
end_line(struct detail *d)
{
	if (d->row != NULL)
		view_text(d->row, "text",
			show_text(
				d->x->arena, buf_text(&d->text), d->text.len));
	d->row = NULL;
	buf_reset(&d->text);
}

/* A chunk goes on with the line before where that one has no end yet. */
static int
on_chunk(void *arg, const struct db_chunk *c, struct verr *e)
{
	struct detail *d = arg;
	static const char *const mark[STREAM_COUNT] = {"", "err", "sys"};
	if (d->chunks == LOG_CHUNKS || d->bytes > LOG_BYTES) {
		view_bool(d->v, "log_more", true);
		return 1;
	}
	bool goes_on = d->row != NULL && d->stream == c->stream &&
		d->text.len > 0 && d->text.data[d->text.len - 1] != '\n';
	if (!goes_on) {
		end_line(d);
		d->row = view_item(d->lines);
		d->stream = c->stream;
		view_text(d->row, "stream", stream_text(c->stream));
		view_textf(d->row, "t", "%.1f", c->t_ms);
		view_text(d->row, "mark", mark[c->stream]);
	}
	d->chunks++;
	d->bytes += c->len;
	d->last_seq = c->seq;
	return buf_add(&d->text, c->data, c->len, e);
}

static int
fill_log(struct detail *d, const char *id, struct verr *e)
{
	d->lines = view_list(d->v, "lines");
	int r = db_log_each(d->x->web->db, id, -1, d->after, LOG_CHUNKS + 1,
		on_chunk, d, e);
	bool open = d->row != NULL && d->text.len > 0 &&
		d->text.data[d->text.len - 1] != '\n';
	view_text(d->v, "log_open", open ? stream_text(d->stream) : "");
	end_line(d);
	view_textf(d->v, "last_seq", "%lld", (long long)d->last_seq);
	return r;
}

static int
fill_stream(struct detail *d, const struct db_workload *w, enum stream stream,
	struct verr *e)
{
	struct exchange *x = d->x;
	bool err = stream == STREAM_STDERR;
	const char *name = stream_text(stream);
	uint64_t bytes = err ? w->stderr_bytes : w->stdout_bytes;
	bool truncated = err ? w->stderr_truncated : w->stdout_truncated;
	struct buf v_autobuf text = BUF(UINT32_MAX);
	if (record_stream(x, w->id, stream, &text, e) == -1)
		return -1;
	const char *note = "";
	if (truncated)
		note = arena_printf(x->arena,
			"The limit on output cut it: %s of %s were kept.",
			show_bytes(x->arena, text.len),
			show_bytes(x->arena, bytes));
	else if (text.len > TEXT_BYTES)
		note = "Only the beginning is shown here.";
	view_text(d->v, name, cut(x, buf_text(&text), text.len));
	view_text(d->v, arena_printf(x->arena, "%s_size", name),
		show_bytes(x->arena, bytes));
	view_text(d->v, arena_printf(x->arena, "%s_note", name), note);
	view_bool(d->v, arena_printf(x->arena, "%s_open", name), text.len > 0);
	return 0;
}

struct phase_span {
	const char *name;
	double ms;
};
struct phase_list {
	struct phase_span span[PHASE_COUNT];
	size_t count;
	double total;
};

static int
on_phase(void *arg, enum phase phase, uint64_t ns, struct verr *e)
{
	(void)e;
	struct phase_list *l = arg;
	if (l->count == PHASE_COUNT)
		return 0;
	l->span[l->count++] = (struct phase_span){
		.name = phase_text(phase), .ms = (double)ns / 1e6};
	l->total += (double)ns / 1e6;
	return 0;
}

static int
fill_phases(struct detail *d, const char *id, struct verr *e)
{
	struct phase_list l = {.count = 0};
	if (db_phase_each(d->x->web->db, id, on_phase, &l, e) == -1)
		return -1;
	cJSON *list = view_list(d->v, "phases");
	double at = 0, scale = l.total > 0 ? 1000 / l.total : 0;
	for (size_t i = 0; i < l.count; i++) {
		cJSON *item = view_item(list);
		view_text(item, "phase", l.span[i].name);
		view_textf(item, "x", "%.2f", at);
		view_textf(item, "width", "%.2f", l.span[i].ms * scale);
		view_text(item, "ms", show_ms(d->x->arena, l.span[i].ms));
		at += l.span[i].ms * scale;
	}
	view_bool(d->v, "phases_present", l.count > 0);
	view_text(d->v, "phases_total", show_ms(d->x->arena, l.total));
	return 0;
}

static int
on_meta(void *arg, const char *key, const char *value, struct verr *e)
{
	(void)e;
	struct detail *d = arg;
	view_bool(d->v, "metadata_present", true);
	show_fact(d->list, key, value);
	return 0;
}

static int
on_file(void *arg, const struct db_file *f, struct verr *e)
{
	struct detail *d = arg;
	struct exchange *x = d->x;
	cJSON *item = view_item(d->list);
	const void *data = f->content;
	size_t n = f->size_bytes;
	struct buf v_autobuf blob = BUF(TEXT_BYTES + 1);
	if (data == NULL) {
		if (blob_read(x->web, f->sha256, TEXT_BYTES + 1, &blob, e) ==
			-1)
			return -1;
		data = buf_text(&blob);
		n = blob.len;
	}
	size_t shown = utf8_cut(data, n, TEXT_BYTES);
	bool text = utf8_valid(data, shown);
	view_text(item, "name", f->name);
	view_text(item, "size", show_bytes(x->arena, f->size_bytes));
	view_text(item, "text", text ? show_text(x->arena, data, shown) : "");
	view_text(item, "remark",
		!text ? "Not text, so not shown."
			: f->size_bytes > shown
			? "Only the beginning is shown here."
			: "");
	view_bool(item, "shown", cJSON_GetArraySize(d->list) == 1);
	return 0;
}

/* Why it is in its status, one sentence. */
static const char *
verdict(struct exchange *x, const struct db_workload *w)
{
	struct arena *a = x->arena;
	if (w->status == STATUS_COMPLETED)
		return "";
	if (w->cancel_requested_at != NULL && w->status != STATUS_KILLED)
		return "asked to end";
	if (w->limit_name != NULL)
		return arena_printf(a, "%s: %s reached its limit of %lld",
			reason_text(w->reason), w->limit_name,
			(long long)w->limit_setting);
	if (w->reason == REASON_EXIT && w->has_exit_code)
		return arena_printf(a, "exit code %d", (int)w->exit_code);
	if (w->reason == REASON_SIGNAL && w->signal != NULL)
		return arena_printf(a, "ended by %s", w->signal);
	if (w->reason == REASON_COMPILE)
		return "the program does not compile";
	if (w->reason == REASON_CANCELLED)
		return "cancelled";
	if (w->reason == REASON_PLATFORM)
		return "not the program's fault: Vulcan could not run it";
	return w->reason == REASON_NONE ? "" : reason_text(w->reason);
}

static void
fill_facts(struct exchange *x, cJSON *v, const struct db_workload *w)
{
	struct arena *a = x->arena;
	cJSON *f = view_list(v, "facts");
	show_fact(f, "Runtime", runtime_text(w->runtime));
	if (w->engine != NULL)
		show_fact(f, "Engine", w->engine);
	if (w->sandbox != NULL)
		show_fact(f, "Sandbox", w->sandbox);
	if (w->has_exit_code)
		show_fact(f, "Exit code",
			arena_printf(a, "%d", (int)w->exit_code));
	if (w->signal != NULL)
		show_fact(f, "Signal", w->signal);
	if (w->node != NULL)
		show_fact(f, "Node", w->node);
	show_fact(f, "User", w->user);
	show_fact(f, "Created", show_time(a, w->created_at));
	if (w->started_at != NULL)
		show_fact(f, "Started", show_time(a, w->started_at));
	if (w->finished_at != NULL)
		show_fact(f, "Finished", show_time(a, w->finished_at));
	if (w->has_duration)
		show_fact(f, "Took", show_ms(a, w->duration_ms));
	if (w->attempt > 1)
		show_fact(f, "Attempt",
			arena_printf(a, "%lld", (long long)w->attempt));
	show_fact(f, "Input hash", arena_printf(a, "%.16s…", w->input_hash));
}

static void
fill_use(struct exchange *x, cJSON *v, const struct db_workload *w)
{
	struct arena *a = x->arena;
	cJSON *f = view_list(v, "limits");
	const struct run_limits *l = &w->limits;
	const char *wall = show_ms(a, (double)l->wall_ms);
	const char *cpu = show_ms(a, (double)l->cpu_ms);
	const char *memory = show_bytes(a, l->memory_mib << 20);
	if (w->has_usage) {
		wall = arena_printf(a, "%s of %s",
			show_ms(a, (double)w->wall_us / 1000), wall);
		cpu = arena_printf(a, "%s of %s",
			show_ms(a, (double)w->cpu_us / 1000), cpu);
		memory = arena_printf(a, "%s of %s",
			show_bytes(a, w->memory_peak_kib << 10), memory);
	}
	show_fact(f, "wall_ms", wall);
	show_fact(f, "cpu_ms", cpu);
	show_fact(f, "memory_mib", memory);
	show_fact(f, "vcpus",
		arena_printf(a, "%llu", (unsigned long long)l->vcpus));
	show_fact(f, "processes",
		arena_printf(a, "%llu", (unsigned long long)l->processes));
	show_fact(f, "disk_mib", show_bytes(a, l->disk_mib << 20));
	show_fact(f, "output_bytes",
		arena_printf(a, "%s of %s",
			show_bytes(a, w->stdout_bytes + w->stderr_bytes),
			show_bytes(a, l->output_bytes)));
	show_fact(f, "network", w->network);
}

/* Values of the environment are often secrets: only the names are shown. */
static const char *
names_of(struct exchange *x, const char *object)
{
	cJSON *env = cJSON_Parse(object);
	const cJSON *item;
	const char *text = "";
	cJSON_ArrayForEach(item, env) text =
		arena_printf(x->arena, "%s%s=…\n", text, item->string);
	cJSON_Delete(env);
	return text;
}

static void
fill_given(struct exchange *x, cJSON *v, const struct db_workload *w)
{
	cJSON *g = view_list(v, "given");
	if (w->input != NULL)
		show_fact(g, "JSON input", cut(x, w->input, strlen(w->input)));
	if (w->stdin_len > 0)
		show_fact(g, "Standard input",
			cut(x, w->stdin_data, w->stdin_len));
	if (strcmp(w->args, "[]") != 0)
		show_fact(g, "Arguments", cut(x, w->args, strlen(w->args)));
	if (strcmp(w->env, "{}") != 0)
		show_fact(g, "Environment", names_of(x, w->env));
	if (strcmp(w->labels, "{}") != 0)
		show_fact(g, "Labels", cut(x, w->labels, strlen(w->labels)));
}

/* Details of a program's error mostly begin with the sentence itself. */
static void
fill_error(struct exchange *x, cJSON *v, const struct db_workload *w)
{
	const char *error = w->error != NULL ? w->error : "";
	const char *detail = w->error_detail != NULL ? w->error_detail : "";
	if (strncmp(detail, error, strlen(error)) == 0 && detail[0] != '\0') {
		error = detail;
		detail = "";
	}
	view_text(v, "error", cut(x, error, strlen(error)));
	view_text(v, "error_detail", cut(x, detail, strlen(detail)));
}

static int
fill_state(struct detail *d, const struct db_workload *w, bool active,
	struct verr *e)
{
	struct exchange *x = d->x;
	cJSON *v = d->v;
	uint64_t position = 0;
	int r = 0;
	view_text(v, "id", w->id);
	view_text(v, "status", status_text(w->status));
	view_bool(v, "active", active);
	view_bool(v, "refresh", active);
	view_bool(v, "live", active);
	view_text(v, "verdict", verdict(x, w));
	view_text(v, "isolation", tier_text(w->isolation));
	view_text(v, "routing", w->routing);
	fill_error(x, v, w);
	if (w->output != NULL)
		view_text(v, "output", cut(x, w->output, strlen(w->output)));
	if (w->status == STATUS_PENDING)
		r = db_queue_position(x->web->db, w->id, &position, e);
	if (r == 1)
		view_textf(v, "position", "place %llu in the queue",
			(unsigned long long)position);
	view_text(v, "csrf_cancel", csrf_for(x, "/workloads/:id/cancel"));
	view_text(v, "csrf_rerun", csrf_for(x, "/workloads/:id/rerun"));
	return r == -1 ? -1 : 0;
}

static int
on_workload(void *arg, const struct db_workload *w, struct verr *e)
{
	struct detail *d = arg;
	struct db *db = d->x->web->db;
	bool active =
		w->status == STATUS_PENDING || w->status == STATUS_RUNNING;
	if (fill_state(d, w, active, e) == -1 || fill_log(d, w->id, e) == -1 ||
		fill_phases(d, w->id, e) == -1)
		return -1;
	if (!active &&
		(fill_stream(d, w, STREAM_STDOUT, e) == -1 ||
			fill_stream(d, w, STREAM_STDERR, e) == -1))
		return -1;
	fill_facts(d->x, d->v, w);
	fill_use(d->x, d->v, w);
	fill_given(d->x, d->v, w);
	d->list = view_list(d->v, "metadata");
	if (db_meta_each(db, w->id, on_meta, d, e) == -1)
		return -1;
	d->list = view_list(d->v, "files");
	return db_file_each(db, w->id, on_file, d, e);
}

int
page_detail(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	struct detail d = {
		.x = x,
		.v = page_view(x, id, "at_list"),
		.text = BUF(LOG_BYTES + TEXT_BYTES * 2),
		.after = (int64_t)form_u64(&x->query, "after", 0),
	};
	d.last_seq = d.after;
	int r = db_workload_get(
		x->web->db, id, identity_scope(&x->who), on_workload, &d, e);
	buf_done(&d.text);
	if (r == 1)
		return respond_page(x, 200, PAGE_DETAIL, d.v, e);
	cJSON_Delete(d.v);
	return r == -1 ? -1 : record_missing(x, id, e);
}

int
page_cancel(struct exchange *x, struct verr *e)
{
	const char *id = route_captured(&x->match, "id");
	int r = db_cancel(x->web->db, id, identity_scope(&x->who), e);
	if (r == -1)
		return -1;
	if (r == 0)
		return record_missing(x, id, e);
	if (r == 1) {
		if (auth_event(x, x->who.user_id, id, "cancel", "page", e) ==
			-1)
			return -1;
		if (wait_claim(x)) {
			r = wait_settled(
				x, "cancelwait", id, CANCEL_WAIT_MS, e);
			wait_release(x);
			if (r == -1)
				return -1;
		} else {
			wait_ring(x->web, "cancel", id);
		}
	}
	return respond_redirect(
		x, arena_printf(x->arena, "/workloads/%s", id), e);
}

int
page_rerun(struct exchange *x, struct verr *e)
{
	struct submission s;
	char id[ULID_TEXT_BYTES];
	submit_init(x, &s);
	if (submit_from_workload(x, route_captured(&x->match, "id"), &s, e) ==
			-1 ||
		submit_accept(x, &s, id, e) == -1)
		return -1;
	wait_ring(x->web, "new", id);
	return respond_redirect(
		x, arena_printf(x->arena, "/workloads/%s", id), e);
}
