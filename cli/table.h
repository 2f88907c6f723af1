/* Text in columns. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "verr.h"

#define TABLE_COLUMNS_MAX 12

struct table_column {
	const char *title;
	bool right; /* numbers end in line */
	bool status; /* its words are coloured as statuses */
};

/* Cells are kept row by row; the table owns them. */
struct table {
	const struct table_column *columns; /* borrowed */
	size_t width;
	char **cells;
	size_t count;
	size_t room;
};

void table_init(struct table *, const struct table_column *, size_t width);
void table_done(struct table *);

/* The next cell, left to right; its text is escaped for a terminal here. */
int table_cell(struct table *, const char *text, struct verr *);

/*
 * Appends a line of titles and one for each row. Lines longer than columns
 * end in "..."; 0 means any length. No spaces at the ends of lines.
 */
int table_print(const struct table *, size_t columns, bool colour,
	struct buf *out, struct verr *);

#endif
