/* Command-line options by const tables. */
#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>

#include "verr.h"

/* One option; a table of them ends with a row whose name is NULL. */
struct opt {
	int id; /* from 1 */
	char letter; /* "-x", or 0 */
	const char *name; /* without its dashes */
	const char *value; /* what its value is called in help; NULL: none */
	const char *help;
};

#define OPT_OPERAND 0 /* a word that is no option */
#define OPT_REST (-1) /* a word after "--" */
#define OPT_TABLES 2

struct opt_iter {
	int argc;
	char *const *argv;
	int at;
	bool rest;
	const char *cluster; /* letters left of a word like "-fx" */
	const struct opt *tables[OPT_TABLES]; /* NULL: no table */
};

/* Walks argv[0..argc-1], which hold no command name. */
void opt_init(struct opt_iter *, int argc, char *const *argv,
	const struct opt *, const struct opt *);

/*
 * The next option or word: 1, 0 at the end, -1 INPUT for an option that is
 * unknown, lacks its value or has one it does not take. *ret_value is the
 * option's value (NULL when it takes none) or the word itself; "-" alone is
 * a word. Options and words may be mixed.
 */
int opt_next(
	struct opt_iter *, int *ret_id, const char **ret_value, struct verr *);

#endif
