/* The files of one run and how their names are resolved. */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "shim.h"
#include "verr.h"

/*
 * Keeps a file: payload as wire.h's FILE (u16 name length, name, content).
 * PROTO for a payload that is none, or a name twice.
 */
int files_add(const void *payload, size_t len, struct verr *);

/* Keeps a file by name, in place of one of that name. */
int files_set(struct shim_text name, struct shim_text content, struct verr *);

/* Forgets all files; their memory stays. */
void files_clear(void);

/* As shim_host.file and shim_host.resolve. */
bool files_get(struct shim_text name, struct shim_text *ret);
bool files_resolve(struct shim_text from, struct shim_text specifier,
	bool search, char out[SHIM_NAME_BYTES]);

#endif
