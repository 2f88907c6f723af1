/* Text in columns. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "poison.h"
#include "table.h"
#include "term.h"

#define CELL_BYTES (1u << 20)

void
table_init(struct table *t, const struct table_column *columns, size_t width)
{
	assert(width > 0 && width <= TABLE_COLUMNS_MAX);
	*t = (struct table){.columns = columns, .width = width};
}

void
table_done(struct table *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct table){.columns = t->columns, .width = t->width};
}

int
table_cell(struct table *t, const char *text, struct verr *e)
{
	if (t->count == t->room) {
		size_t room = t->room == 0 ? 64 : t->room * 2;
		char **cells = reallocarray(t->cells, room, sizeof(*cells));
		if (cells == NULL)
			return verr_set(e, VERR_HOST, errno, "table");
		t->cells = cells;
		t->room = room;
	}
	struct buf v_autobuf cell = BUF(CELL_BYTES);
	if (buf_reserve(&cell, 1, e) == -1 ||
		term_escape(text, strlen(text), &cell, e) == -1)
		return -1;
	char *taken = strdup(buf_text(&cell));
	if (taken == NULL)
		return verr_set(e, VERR_HOST, errno, "table");
	t->cells[t->count++] = taken;
	return 0;
}

static void
measure(const struct table *t, size_t widths[TABLE_COLUMNS_MAX])
{
	for (size_t c = 0; c < t->width; c++)
		widths[c] = term_width(t->columns[c].title);
	for (size_t i = 0; i < t->count; i++) {
		size_t w = term_width(t->cells[i]);
		if (w > widths[i % t->width])
			widths[i % t->width] = w;
	}
}

static int
add_spaces(struct buf *out, size_t n, struct verr *e)
{
	return n == 0 ? 0 : buf_addf(out, e, "%*s", (int)n, "");
}

/* A line as plain text, before it is cut and coloured. */
static int
add_line(const struct table *t, const char *const *cells, const size_t *widths,
	struct buf *out, struct verr *e)
{
	for (size_t c = 0; c < t->width; c++) {
		size_t pad = widths[c] - term_width(cells[c]);
		bool right = t->columns[c].right;
		bool last = c + 1 == t->width;
		if (c > 0 && buf_adds(out, "  ", e) == -1)
			return -1;
		if (right && add_spaces(out, pad, e) == -1)
			return -1;
		if (buf_adds(out, cells[c], e) == -1)
			return -1;
		if (!right && !last && add_spaces(out, pad, e) == -1)
			return -1;
	}
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	return 0;
}

/* The status word is found by its column, and coloured where it stands. */
static int
add_coloured(const struct table *t, const char *const *cells,
	const size_t *widths, const char *line, struct buf *out, struct verr *e)
{
	size_t at = 0;
	for (size_t c = 0; c < t->width; at += widths[c++] + 2) {
		if (!t->columns[c].status)
			continue;
		size_t from = term_cut(line, at);
		size_t n = strlen(cells[c]);
		if (strncmp(line + from, cells[c], n) != 0)
			break;
		return buf_addf(out, e, "%.*s%s%s%s%s\n", (int)from, line,
			term_status_colour(cells[c]), cells[c], TERM_PLAIN,
			line + from + n);
	}
	return buf_addf(out, e, "%s\n", line);
}

static int
print_line(const struct table *t, const char *const *cells,
	const size_t *widths, size_t columns, bool colour, struct buf *out,
	struct verr *e)
{
	struct buf v_autobuf line = BUF(CELL_BYTES);
	if (add_line(t, cells, widths, &line, e) == -1)
		return -1;
	if (columns > 3 && term_width(buf_text(&line)) > columns) {
		size_t keep = term_cut(line.data, columns - 3);
		line.len = keep;
		if (buf_adds(&line, "...", e) == -1)
			return -1;
	}
	if (colour)
		return add_coloured(t, cells, widths, buf_text(&line), out, e);
	return buf_addf(out, e, "%s\n", buf_text(&line));
}

int
table_print(const struct table *t, size_t columns, bool colour, struct buf *out,
	struct verr *e)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};
	const char *cells[TABLE_COLUMNS_MAX];
	assert(t->count % t->width == 0);
	measure(t, widths);
	for (size_t c = 0; c < t->width; c++)
		cells[c] = t->columns[c].title;
	if (print_line(t, cells, widths, columns, false, out, e) == -1)
		return -1;
	for (size_t i = 0; i < t->count; i += t->width) {
		for (size_t c = 0; c < t->width; c++)
			cells[c] = t->cells[i + c];
		if (print_line(t, cells, widths, columns, colour, out, e) == -1)
			return -1;
	}
	return 0;
}
