/* The routes of Vulcan and what each may be sent. */
#include "handlers.h"
#include "poison.h"
#include "serve.h"
#include "show.h"

#define CSRF_FIELD \
	{ \
		.name = "csrf", .type = PARAM_TEXT, .max = 64 \
	}
#define TEXT_FIELD(what, most) \
	{ \
		.name = what, .type = PARAM_TEXT, .max = (most) \
	}
#define CODE_BYTES (UINT64_C(1) << 30) /* the body's own bound is lower */

static const struct param only_csrf[] = {CSRF_FIELD, {.name = NULL}};

static const struct param login_query[] = {
	TEXT_FIELD("next", 512), {.name = NULL}};
static const struct param login_fields[] = {CSRF_FIELD, TEXT_FIELD("next", 512),
	TEXT_FIELD("name", 128), TEXT_FIELD("password", 1024), {.name = NULL}};
static const struct param link_fields[] = {
	CSRF_FIELD, TEXT_FIELD("token", 128), {.name = NULL}};
static const struct param key_fields[] = {
	CSRF_FIELD, TEXT_FIELD("name", 256), {.name = NULL}};

/* Checked by the page itself, which shows what was typed again. */
static const struct param submit_fields[] = {CSRF_FIELD,
	TEXT_FIELD("code", CODE_BYTES), TEXT_FIELD("input", CODE_BYTES),
	TEXT_FIELD("stdin", CODE_BYTES), TEXT_FIELD("args", CODE_BYTES),
	TEXT_FIELD("env", CODE_BYTES), TEXT_FIELD("runtime", 64),
	TEXT_FIELD("isolation", 64), TEXT_FIELD("entrypoint", 4096),
	TEXT_FIELD("wall_ms", 64), TEXT_FIELD("cpu_ms", 64),
	TEXT_FIELD("memory_mib", 64), TEXT_FIELD("vcpus", 64),
	TEXT_FIELD("processes", 64), TEXT_FIELD("disk_mib", 64),
	TEXT_FIELD("output_bytes", 64), {.name = NULL}};

static const struct param detail_query[] = {
	{.name = "after", .type = PARAM_U64, .max = INT64_MAX}, {.name = NULL}};
static const struct param get_query[] = {
	{.name = "wait", .type = PARAM_U64, .max = 300}, {.name = NULL}};
static const struct param history_query[] = {
	{.name = "after", .type = PARAM_U64, .max = INT64_MAX},
	{.name = "limit", .type = PARAM_U64, .min = 1, .max = 1000},
	{.name = NULL}};

#define WORKLOADS "/v1/workloads"
#define FORMS (ROUTE_BODY_FORM)

const struct route routes_table[] = {
	{METHOD_GET, "/", ROUTE_SESSION, 0, NULL, NULL, page_home},
	{METHOD_GET, "/submit", ROUTE_SESSION, 0, NULL, NULL, page_submit},
	{METHOD_POST, "/submit", ROUTE_SESSION,
		ROUTE_BODY_FORM | ROUTE_BODY_MULTIPART, NULL, submit_fields,
		page_submit_post},
	{METHOD_GET, "/workloads", ROUTE_SESSION, 0, list_params, NULL,
		page_list},
	{METHOD_GET, "/workloads/:id", ROUTE_SESSION, 0, detail_query, NULL,
		page_detail},
	{METHOD_POST, "/workloads/:id/cancel", ROUTE_SESSION, FORMS, NULL,
		only_csrf, page_cancel},
	{METHOD_POST, "/workloads/:id/rerun", ROUTE_SESSION, FORMS, NULL,
		only_csrf, page_rerun},
	{METHOD_GET, "/backends", ROUTE_SESSION, 0, NULL, NULL, page_backends},
	{METHOD_GET, "/keys", ROUTE_SESSION, 0, NULL, NULL, page_keys},
	{METHOD_POST, "/keys", ROUTE_SESSION, FORMS, NULL, key_fields,
		page_keys_post},
	{METHOD_POST, "/keys/:key/revoke", ROUTE_SESSION, FORMS, NULL,
		only_csrf, page_key_revoke},
	{METHOD_GET, "/login", ROUTE_PUBLIC, 0, login_query, NULL, page_login},
	{METHOD_POST, "/login", ROUTE_PUBLIC, FORMS, NULL, login_fields,
		page_login_post},
	{METHOD_POST, "/login/link", ROUTE_PUBLIC, FORMS, NULL, link_fields,
		page_link_post},
	{METHOD_GET, "/login/:token", ROUTE_PUBLIC, 0, NULL, NULL, page_link},
	{METHOD_POST, "/logout", ROUTE_SESSION, FORMS, NULL, only_csrf,
		page_logout},

	{METHOD_POST, WORKLOADS, ROUTE_ANY, ROUTE_BODY_JSON, NULL, NULL,
		api_submit},
	{METHOD_POST, WORKLOADS "/async", ROUTE_ANY, ROUTE_BODY_JSON, NULL,
		NULL, api_submit_async},
	{METHOD_GET, WORKLOADS, ROUTE_ANY, 0, list_params, NULL, api_list},
	{METHOD_GET, WORKLOADS "/:id", ROUTE_ANY, 0, get_query, NULL, api_get},
	{METHOD_DELETE, WORKLOADS "/:id", ROUTE_ANY, 0, NULL, NULL, api_delete},
	{METHOD_POST, WORKLOADS "/:id/rerun", ROUTE_ANY, ROUTE_BODY_JSON, NULL,
		NULL, api_rerun},
	{METHOD_GET, WORKLOADS "/:id/logs", ROUTE_ANY, 0, NULL, NULL, api_logs},
	{METHOD_GET, WORKLOADS "/:id/logs/history", ROUTE_ANY, 0, history_query,
		NULL, api_history},
	{METHOD_GET, WORKLOADS "/:id/stdout", ROUTE_ANY, 0, NULL, NULL,
		api_stdout},
	{METHOD_GET, WORKLOADS "/:id/stderr", ROUTE_ANY, 0, NULL, NULL,
		api_stderr},
	{METHOD_GET, WORKLOADS "/:id/artifacts/:name", ROUTE_ANY, 0, NULL, NULL,
		api_artifact},
	{METHOD_GET, "/v1/backends", ROUTE_ANY, 0, NULL, NULL, api_backends},
	{METHOD_GET, "/v1/stats", ROUTE_ANY, 0, NULL, NULL, api_stats},
	{METHOD_GET, "/v1/nodes", ROUTE_ANY, 0, NULL, NULL, api_nodes},
	{METHOD_GET, "/healthz", ROUTE_PUBLIC, 0, NULL, NULL, api_healthz},
	{METHOD_GET, "/metrics", ROUTE_PUBLIC, 0, NULL, NULL, api_metrics},
};
const size_t routes_count = sizeof(routes_table) / sizeof(routes_table[0]);
