/* The pages: which template each is and what names it may use. */
#ifndef PAGES_H
#define PAGES_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "template.h"

enum page {
	PAGE_HOME,
	PAGE_LIST,
	PAGE_DETAIL,
	PAGE_SUBMIT,
	PAGE_LOGIN,
	PAGE_LINK,
	PAGE_BACKENDS,
	PAGE_KEYS,
	PAGE_ERROR,
	PAGE_COUNT
};

/* For templates_load. */
extern const struct template_page pages_table[PAGE_COUNT];

struct exchange;

/*
 * A view with what every page has: title, user, node, the form of log-out and
 * the place in the navigation ("at_home", or NULL). The caller's, until
 * respond_page takes it. Strings are copied by cJSON; text that is not UTF-8
 * is for the template to mend.
 */
cJSON *page_view(struct exchange *, const char *title, const char *at);

/* Short hands that cannot fail short of the memory's end. */
void view_text(cJSON *, const char *name, const char *text);
void view_textf(cJSON *, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void view_bool(cJSON *, const char *name, bool);
cJSON *view_list(cJSON *, const char *name);
cJSON *view_item(cJSON *list);

#endif
