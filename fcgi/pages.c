/* The pages: which template each is and what names it may use. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "csrf.h"
#include "exchange.h"
#include "pages.h"
#include "poison.h"

#define TEXT(name) \
	{ \
		name, TEMPLATE_TEXT, NULL \
	}
#define BOOL(name) \
	{ \
		name, TEMPLATE_BOOL, NULL \
	}
#define LIST(name, items) \
	{ \
		name, TEMPLATE_LIST, items \
	}
#define END \
	{ \
		NULL, TEMPLATE_TEXT, NULL \
	}
/* What head.html and foot.html use. */
#define COMMON \
	TEXT("title"), TEXT("user"), TEXT("node"), TEXT("csrf_logout"), \
		TEXT("csrf_api"), BOOL("refresh"), BOOL("live"), \
		BOOL("at_home"), BOOL("at_submit"), BOOL("at_list"), \
		BOOL("at_backends"), BOOL("at_keys")

static const struct template_schema pair_names[] = {
	TEXT("name"), TEXT("value"), END};
static const struct template_schema option_names[] = {
	TEXT("word"), BOOL("chosen"), BOOL("offered"), END};
static const struct template_schema row_names[] = {TEXT("id"), TEXT("status"),
	TEXT("reason"), TEXT("isolation"), TEXT("runtime"), TEXT("owner"),
	TEXT("took"), TEXT("created"), TEXT("created_at"), END};
static const struct template_schema tier_names[] = {TEXT("isolation"),
	TEXT("about"), TEXT("why"), TEXT("remedy"), BOOL("usable"),
	BOOL("chosen"), LIST("facts", pair_names), END};
static const struct template_schema count_names[] = {
	TEXT("status"), TEXT("count"), END};

static const struct template_schema home_names[] = {COMMON,
	LIST("counts", count_names), BOOL("rows_present"), TEXT("caption"),
	LIST("rows", row_names), LIST("tiers", tier_names), END};

static const struct template_schema list_names[] = {COMMON, TEXT("message"),
	LIST("status_options", option_names),
	LIST("isolation_options", option_names),
	LIST("runtime_options", option_names),
	LIST("reason_options", option_names), TEXT("since"), TEXT("until"),
	BOOL("rows_present"), TEXT("caption"), LIST("rows", row_names),
	TEXT("newest"), TEXT("older"), END};

static const struct template_schema line_names[] = {
	TEXT("stream"), TEXT("t"), TEXT("mark"), TEXT("text"), END};
static const struct template_schema phase_names[] = {
	TEXT("phase"), TEXT("x"), TEXT("width"), TEXT("ms"), END};
static const struct template_schema file_names[] = {TEXT("name"), TEXT("size"),
	TEXT("text"), TEXT("remark"), BOOL("shown"), END};
static const struct template_schema detail_names[] = {COMMON, TEXT("id"),
	BOOL("active"), TEXT("csrf_cancel"), TEXT("csrf_rerun"),
	TEXT("message"), TEXT("status"), TEXT("verdict"), TEXT("position"),
	TEXT("error"), TEXT("error_detail"), TEXT("output"), TEXT("last_seq"),
	TEXT("log_open"), LIST("lines", line_names), BOOL("log_more"),
	BOOL("stdout_open"), TEXT("stdout_size"), TEXT("stdout"),
	TEXT("stdout_note"), BOOL("stderr_open"), TEXT("stderr_size"),
	TEXT("stderr"), TEXT("stderr_note"), BOOL("phases_present"),
	TEXT("phases_total"), LIST("phases", phase_names), TEXT("isolation"),
	TEXT("routing"), LIST("facts", pair_names), LIST("limits", pair_names),
	BOOL("metadata_present"), LIST("metadata", pair_names),
	LIST("files", file_names), LIST("given", pair_names), END};

static const struct template_schema limit_names[] = {TEXT("name"),
	TEXT("label"), TEXT("value"), TEXT("max"), TEXT("wrong"), END};
static const struct template_schema submit_names[] = {COMMON, TEXT("message"),
	TEXT("hint"), TEXT("csrf"), TEXT("code"), TEXT("code_wrong"),
	TEXT("input"), TEXT("input_wrong"), TEXT("stdin"), TEXT("stdin_wrong"),
	TEXT("args"), TEXT("args_wrong"), TEXT("env"), TEXT("env_wrong"),
	TEXT("runtime_wrong"), LIST("runtimes", option_names),
	TEXT("isolation_wrong"), BOOL("auto_chosen"), LIST("tiers", tier_names),
	TEXT("files_wrong"), TEXT("entrypoint"), TEXT("entrypoint_wrong"),
	LIST("limits", limit_names), END};

static const struct template_schema login_names[] = {
	COMMON, TEXT("message"), TEXT("csrf"), TEXT("next"), TEXT("name"), END};
static const struct template_schema link_names[] = {
	COMMON, TEXT("csrf"), TEXT("token"), END};
static const struct template_schema backends_names[] = {
	COMMON, LIST("tiers", tier_names), END};

static const struct template_schema key_names[] = {TEXT("key_id"), TEXT("name"),
	TEXT("prefix"), TEXT("created"), TEXT("created_at"), BOOL("revoked"),
	TEXT("csrf_revoke"), END};
static const struct template_schema keys_names[] = {COMMON, TEXT("fresh"),
	TEXT("fresh_name"), TEXT("message"), TEXT("csrf_key"),
	BOOL("keys_present"), LIST("keys", key_names), END};

static const struct template_schema error_names[] = {
	COMMON, TEXT("code"), TEXT("detail"), TEXT("hint"), END};

const struct template_page pages_table[PAGE_COUNT] = {
	[PAGE_HOME] = {"home.html", home_names},
	[PAGE_LIST] = {"list.html", list_names},
	[PAGE_DETAIL] = {"detail.html", detail_names},
	[PAGE_SUBMIT] = {"submit.html", submit_names},
	[PAGE_LOGIN] = {"login.html", login_names},
	[PAGE_LINK] = {"link.html", link_names},
	[PAGE_BACKENDS] = {"backends.html", backends_names},
	[PAGE_KEYS] = {"keys.html", keys_names},
	[PAGE_ERROR] = {"error.html", error_names},
};

cJSON *
page_view(struct exchange *x, const char *title, const char *at)
{
	cJSON *v = cJSON_CreateObject();
	view_text(v, "title", title);
	view_text(v, "node", x->web->conf->node);
	if (x->who.kind == IDENTITY_SESSION) {
		view_text(v, "user", x->who.name);
		view_text(v, "csrf_logout", csrf_for(x, "/logout"));
		view_text(v, "csrf_api", csrf_for(x, CSRF_API));
	}
	if (at != NULL)
		view_bool(v, at, true);
	return v;
}

void
view_text(cJSON *v, const char *name, const char *text)
{
	cJSON_AddItemToObjectCS(
		v, name, cJSON_CreateString(text != NULL ? text : ""));
}

void
view_textf(cJSON *v, const char *name, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	view_text(v, name, text);
}

void
view_bool(cJSON *v, const char *name, bool on)
{
	cJSON_AddItemToObjectCS(v, name, cJSON_CreateBool(on));
}

cJSON *
view_list(cJSON *v, const char *name)
{
	cJSON *list = cJSON_CreateArray();
	cJSON_AddItemToObjectCS(v, name, list);
	return list;
}

cJSON *
view_item(cJSON *list)
{
	cJSON *item = cJSON_CreateObject();
	cJSON_AddItemToArray(list, item);
	return item;
}
