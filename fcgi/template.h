/*
 * Mustache over cJSON: pages are compiled at start, every variable is escaped
 * for the place in the HTML where it stands, and every name is declared.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "buf.h"
#include "verr.h"

#define TEMPLATE_DEPTH_MAX 32 /* sections within sections */
#define TEMPLATE_PARTIALS_MAX 8 /* partials within partials */

enum template_kind {
	TEMPLATE_TEXT, /* text, number or bool; {{x}}, {{#x}} when not empty */
	TEMPLATE_BOOL, /* {{#x}} and {{^x}} only */
	TEMPLATE_OBJECT, /* `in` has its names: {{#x}}, {{x.y}} */
	TEMPLATE_LIST, /* of objects, `in` has their names */
	TEMPLATE_TEXTS, /* list of text: {{#x}}{{.}}{{/x}} */
	TEMPLATE_JSON /* any value; only in script data, {{#x}} and {{^x}} */
};

/* The names that a page may use: a table that ends with a row without name. */
struct template_schema {
	const char *name;
	enum template_kind kind;
	const struct template_schema *in;
};

/* A text under the name that pages and {{> name}} use, "home.html". */
struct template_source {
	const char *name;
	const char *text;
	size_t len;
};

enum template_mode {
	TEMPLATE_HTML,
	/* The public specification: no schema, {{{raw}}}, names looked up
	 * through all contexts, unknown ones are empty. */
	TEMPLATE_PLAIN
};

struct template;

/*
 * Compiles the source called `name`; partials come from the same sources
 * ("nav" finds "nav" or "nav.html") and are compiled where they stand, so they
 * see the names and the HTML around them. Keeps nothing of the sources.
 *
 * INPUT with file:line for: a name that the schema lacks or uses otherwise; a
 * raw form; a variable in a script, style, comment, tag or attribute name,
 * unquoted, style, srcset, srcdoc or event attribute; a section that ends in
 * other HTML than it began; a partial that is missing (HTML) or includes
 * itself; anything malformed.
 *
 * Escapes in HTML mode: text and quoted attributes by entities; href, src,
 * action and their kind: a whole URL must be http, https, mailto or relative,
 * else it becomes "#"; a part of a URL is percent-encoded; in
 * <script type="application/json"> a variable is one JSON value, written
 * without quotes around it. Bytes that are not UTF-8 become U+FFFD, control
 * characters their visible signs.
 */
int template_compile(enum template_mode, const struct template_source *,
	size_t count, const char *name, const struct template_schema *,
	struct template **ret, struct verr *);
void template_free(struct template *);

/*
 * Appends to out. null, false, "" and [] are false, all else is true, 0 too. A
 * declared name that data lacks is empty. LIMIT past out's ceiling or past the
 * bound of steps; BUG when a variable is an object or a list.
 */
int template_render(const struct template *, const cJSON *data, struct buf *out,
	struct verr *);

/* One page: its file and what its code gives it. */
struct template_page {
	const char *file;
	const struct template_schema *schema;
};

struct templates;

/* Reads all *.html of a directory and compiles the pages of a const table. */
int templates_load(const char *dir, const struct template_page *pages,
	size_t count, struct templates **ret, struct verr *);
void templates_free(struct templates *);

/* The page at that place of the table. */
const struct template *templates_page(const struct templates *, size_t index);

#endif
