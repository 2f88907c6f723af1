/* A compiled template: what template_compile.c makes and template.c runs. */
#ifndef TEMPLATE_CODE_H
#define TEMPLATE_CODE_H

#include <stdint.h>

#include "template.h"
#include "template_html.h"

#define TEMPLATE_CODE_BYTES (1u << 20) /* static text and names of a page */
#define TEMPLATE_PARTS_MAX 8 /* in a dotted name */

enum template_op_kind {
	TEMPLATE_OP_TEXT,
	TEMPLATE_OP_VARIABLE,
	TEMPLATE_OP_SECTION,
	TEMPLATE_OP_INVERTED
};

#define TEMPLATE_ANY_FRAME 0xff /* looked up through all of them */

struct template_op {
	unsigned char kind;
	unsigned char escape;
	unsigned char parts; /* of the name; 0 is {{.}} */
	unsigned char frame; /* which context has the first part */
	bool repeats; /* the section is a list's */
	uint32_t at; /* text: place in bytes; else first of names */
	uint32_t to; /* text: length; section: first op behind it */
};

struct template
{
	enum template_mode mode;
	struct buf bytes;
	struct template_op *ops;
	size_t op_count, op_room;
	uint32_t *names; /* places in bytes, NUL-terminated */
	size_t name_count, name_room;
};

#endif
