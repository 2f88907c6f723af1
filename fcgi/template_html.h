/* Where in the HTML a template stands: follows static text, judges variables.
 */
#ifndef TEMPLATE_HTML_H
#define TEMPLATE_HTML_H

#include <stdbool.h>
#include <stddef.h>

enum html_state {
	HTML_TEXT,
	HTML_TAG_OPEN, /* after '<' */
	HTML_END_OPEN, /* after '</' */
	HTML_MARKUP, /* after '<!' */
	HTML_COMMENT,
	HTML_BOGUS, /* <!doctype */
	HTML_TAG_NAME,
	HTML_BEFORE_ATTR,
	HTML_ATTR_NAME,
	HTML_AFTER_NAME,
	HTML_BEFORE_VALUE,
	HTML_VALUE_DOUBLE,
	HTML_VALUE_SINGLE,
	HTML_VALUE_BARE,
	HTML_AFTER_VALUE, /* a blank, '/' or '>' is due */
	HTML_RAW, /* script, style */
	HTML_RCDATA /* textarea, title */
};

enum html_url {
	HTML_URL_START,
	HTML_URL_PREFIX, /* static text only so far */
	HTML_URL_DYNAMIC, /* may still turn out to be a scheme */
	HTML_URL_SAFE,
	HTML_URL_UNSURE /* sections left it open */
};

/* What a variable at a place is turned into. */
enum html_escape {
	HTML_ESCAPE_NONE,
	HTML_ESCAPE_PLAIN, /* the specification's: entities only */
	HTML_ESCAPE_TEXT,
	HTML_ESCAPE_URL,
	HTML_ESCAPE_URL_PART,
	HTML_ESCAPE_JSON
};

/* Bytes only, so that two can be compared whole. All zero at the start. */
struct html {
	unsigned char state; /* enum html_state */
	unsigned char url; /* enum html_url */
	unsigned char match; /* progress within "-->", "<!--", "</name" */
	unsigned char bang; /* progress within "<!--" of a script */
	unsigned char closing;
	unsigned char json; /* this script is of application/json */
	unsigned char quoted; /* within a string of that JSON */
	unsigned char escape;
	unsigned char refresh; /* <meta http-equiv> */
	unsigned char variable; /* <meta content="{{..}}"> */
	unsigned char value_len;
	unsigned char value_cut; /* value holds only the start */
	char value[32]; /* static, lower case */
	char tag[24];
	char attr[32];
};

/*
 * Follows n bytes of static text; returns how many were good: n, or the place
 * of the fault with the reason in *ret_why.
 */
size_t html_follow(struct html *, const char *, size_t n, const char **ret_why);

/* 0 and the escape for a variable at this place, or -1 with the reason. */
int html_variable(struct html *, enum html_escape *ret, const char **ret_why);

/*
 * After a section whose body led from `before` to `h`: sets h to what holds
 * whether the body was there or not; repeats says it may be there twice.
 */
int html_join(struct html *h, const struct html *before, bool repeats,
	const char **ret_why);

#endif
