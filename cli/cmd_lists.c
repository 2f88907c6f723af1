/* vulcan ls, nodes, backends: commands that print tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "outcome.h"
#include "poison.h"
#include "query.h"
#include "table.h"
#include "term.h"
#include "vtime.h"

enum {
	OPT_STATUS = 1,
	OPT_ISOLATION,
	OPT_RUNTIME,
	OPT_REASON,
	OPT_USER,
	OPT_LABEL,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_SEARCH,
	OPT_LIMIT,
	OPT_CURSOR,
	OPT_ALL,
	OPT_FILTERS = OPT_ALL,
};

const struct opt cli_ls_options[] = {
	{OPT_STATUS, 's', "status", "WORD",
		"pending, running, completed, failed or killed"},
	{OPT_ISOLATION, 'i', "isolation", "TIER", "isolate, gvisor, microvm"},
	{OPT_RUNTIME, 'r', "runtime", "NAME", "javascript, python, ..."},
	{OPT_REASON, 0, "reason", "WORD", "timeout, memory, exit, ..."},
	{OPT_USER, 0, "user", "NAME", "whose; for administrators"},
	{OPT_LABEL, 0, "label", "NAME[=VALUE]", "with this label"},
	{OPT_SINCE, 0, "since", "TIME", "RFC 3339, or 90s 15m 2h 7d ago"},
	{OPT_UNTIL, 0, "until", "TIME", "the same"},
	{OPT_SEARCH, 0, "search", "TEXT", "with this text"},
	{OPT_LIMIT, 'n', "limit", "NUMBER", "at most so many on a page"},
	{OPT_CURSOR, 0, "cursor", "ID", "the page that begins after this"},
	{OPT_ALL, 'a', "all", NULL, "all pages"},
	{0, 0, NULL, NULL, NULL},
};

/* What each option is called in the address. */
static const char *const filter_names[OPT_FILTERS] = {
	[OPT_STATUS] = "status",
	[OPT_ISOLATION] = "isolation",
	[OPT_RUNTIME] = "runtime",
	[OPT_REASON] = "reason",
	[OPT_USER] = "user",
	[OPT_LABEL] = "label",
	[OPT_SINCE] = "since",
	[OPT_UNTIL] = "until",
	[OPT_SEARCH] = "q",
	[OPT_LIMIT] = "limit",
	[OPT_CURSOR] = "cursor",
};

struct column {
	struct table_column head;
	const char *key;
};

/* Appends a cell for the member: text, number, or words of a list. */
static int
add_cell(struct table *t, const cJSON *row, const char *key, struct verr *e)
{
	struct buf v_autobuf text = BUF(65536);
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(row, key);
	int r = 0;
	if (cJSON_IsNumber(item))
		r = outcome_number(row, key, &text, e);
	else if (cJSON_IsBool(item))
		r = buf_adds(&text, cJSON_IsTrue(item) ? "yes" : "no", e);
	else if (cJSON_IsArray(item)) {
		const cJSON *word;
		cJSON_ArrayForEach(word, item)
		{
			if (r == 0 && cJSON_IsString(word))
				r = buf_addf(&text, e, "%s%s",
					text.len > 0 ? " " : "",
					word->valuestring);
		}
	} else
		r = buf_adds(&text, outcome_text(row, key), e);
	return r == -1 ? -1 : table_cell(t, buf_text(&text), e);
}

static int
print_table(const struct column *columns, size_t width, const cJSON *rows,
	struct verr *e)
{
	struct table_column heads[TABLE_COLUMNS_MAX];
	for (size_t i = 0; i < width; i++)
		heads[i] = columns[i].head;
	struct table t;
	struct buf v_autobuf out = BUF(HTTP_BODY_BYTES);
	const cJSON *row;
	int r = 0;
	table_init(&t, heads, width);
	cJSON_ArrayForEach(row, rows)
	{
		for (size_t i = 0; i < width && r == 0; i++)
			r = add_cell(&t, row, columns[i].key, e);
	}
	if (r == 0)
		r = table_print(&t, term_columns(STDOUT_FILENO),
			term_colour(STDOUT_FILENO), &out, e);
	table_done(&t);
	return r == -1 ? -1 : cli_out(&out, e);
}

static const struct column workload_columns[] = {
	{{"ID", false, false}, "id"},
	{{"STATUS", false, true}, "status"},
	{{"REASON", false, false}, "reason"},
	{{"TIER", false, false}, "isolation"},
	{{"RUNTIME", false, false}, "runtime"},
	{{"MS", true, false}, "duration_ms"},
	{{"CREATED", false, false}, "created_at"},
	{{"ERROR", false, false}, "error"},
};

static int
list_path(const char *const *filters, const char *cursor, struct buf *path,
	struct verr *e)
{
	if (buf_adds(path, "/v1/workloads", e) == -1)
		return -1;
	for (int id = 1; id < OPT_FILTERS; id++) {
		struct buf v_autobuf text = BUF(1024);
		const char *value = filters[id];
		if (id == OPT_CURSOR && cursor != NULL)
			value = cursor;
		bool time = id == OPT_SINCE || id == OPT_UNTIL;
		if (time && value != NULL) {
			if (query_time(value, vtime_wall_ms(), &text, e) == -1)
				return -1;
			value = buf_text(&text);
		}
		if (query_add(path, filter_names[id], value, e) == -1)
			return -1;
	}
	return 0;
}

/* One page; 1 and the next cursor, 0 it was the last, -1, 2 refused. */
static int
list_page(struct cli *c, const char *const *filters, bool more_too,
	struct buf *cursor, struct verr *e)
{
	struct buf v_autobuf path = BUF(4096);
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	cJSON v_autocjson *j = NULL;
	if (list_path(filters, cursor->len > 0 ? cursor->data : NULL, &path,
		    e) == -1)
		return -1;
	int r = cli_call(
		c, &(struct http_request){.path = path.data}, &answer, &j, e);
	if (r != 1)
		return r == 0 ? 2 : -1;
	r = c->json
		? cli_json(&answer, e)
		: print_table(workload_columns,
			  sizeof(workload_columns) /
				  sizeof(workload_columns[0]),
			  cJSON_GetObjectItemCaseSensitive(j, "workloads"), e);
	const char *next = outcome_text(j, "next_cursor");
	buf_reset(cursor);
	if (r == -1 || term_escape(next, strlen(next), cursor, e) == -1)
		return -1;
	if (cursor->len == 0)
		return 0;
	if (!more_too && !c->json && isatty(STDOUT_FILENO))
		fprintf(stderr, "more: --cursor %s, or --all\n", cursor->data);
	return 1;
}

static int
list(struct cli *c, const char *const *filters, bool all)
{
	struct verr e;
	struct buf v_autobuf cursor = BUF(1024);
	if (cli_connect(c, &e) == -1)
		return cli_fail(c, &e);
	int r;
	do
		r = list_page(c, filters, all, &cursor, &e);
	while (r == 1 && all);
	if (r == 2)
		return c->command->failed;
	return r == -1 ? cli_fail(c, &e) : CLI_OK;
}

int
cli_ls(struct cli *c, struct opt_iter *it)
{
	struct verr e;
	const char *filters[OPT_FILTERS] = {NULL};
	bool all = false;
	int id, more;
	const char *value;
	while ((more = cli_next(c, it, &id, &value, &e)) == 1) {
		if (id == OPT_ALL)
			all = true;
		else if (id > 0 && id < OPT_FILTERS)
			filters[id] = value;
		else
			more = verr_set(&e, VERR_INPUT, 0,
				"'%.60s': ls takes options only", value);
		if (more == -1)
			break;
	}
	if (c->help)
		return CLI_OK;
	return more == -1 ? cli_misused(c, &e) : list(c, filters, all);
}

/* A command without words that prints one table. */
static int
one_table(struct cli *c, struct opt_iter *it, const char *path, const char *key,
	const struct column *columns, size_t width)
{
	struct verr e;
	struct buf v_autobuf answer = BUF(HTTP_BODY_BYTES);
	cJSON v_autocjson *j = NULL;
	if (cli_words(c, it, NULL, &e) == -1)
		return cli_misused(c, &e);
	if (c->help)
		return CLI_OK;
	if (cli_connect(c, &e) == -1)
		return cli_fail(c, &e);
	int r = cli_call(
		c, &(struct http_request){.path = path}, &answer, &j, &e);
	if (r == 0)
		return c->command->failed;
	if (r == 1)
		r = c->json
			? cli_json(&answer, &e)
			: print_table(columns, width,
				  cJSON_GetObjectItemCaseSensitive(j, key), &e);
	return r == -1 ? cli_fail(c, &e) : CLI_OK;
}

int
cli_nodes(struct cli *c, struct opt_iter *it)
{
	static const struct column columns[] = {
		{{"NAME", false, false}, "name"},
		{{"VERSION", false, false}, "version"},
		{{"CPUS", true, false}, "cpus"},
		{{"MIB", true, false}, "memory_mib"},
		{{"STARTED", false, false}, "started_at"},
		{{"SEEN", false, false}, "seen_at"},
	};
	return one_table(c, it, "/v1/nodes", "nodes", columns,
		sizeof(columns) / sizeof(columns[0]));
}

int
cli_backends(struct cli *c, struct opt_iter *it)
{
	static const struct column columns[] = {
		{{"TIER", false, false}, "isolation"},
		{{"USABLE", false, false}, "usable"},
		{{"ENGINE", false, false}, "engine"},
		{{"VERSION", false, false}, "engine_version"},
		{{"AT ONCE", true, false}, "running_max"},
		{{"WARM", true, false}, "warm"},
		{{"RUNTIMES", false, false}, "runtimes"},
		{{"REASON", false, false}, "reason"},
		{{"REMEDY", false, false}, "remedy"},
	};
	return one_table(c, it, "/v1/backends", "backends", columns,
		sizeof(columns) / sizeof(columns[0]));
}
