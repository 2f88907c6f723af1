/* What a file is, told from its name. */
#ifndef GUESS_H
#define GUESS_H

#include <stdbool.h>
#include <stddef.h>

/* The runtime word for a file name such as "main.ts"; NULL when unknown. */
const char *guess_runtime(const char *path);

/* Whether the name is that of an archive: .tar .tar.gz .tgz .tar.zst .zip */
bool guess_archive(const char *path);

/*
 * The name under which a file of ours travels: the path itself when it stays
 * beneath the current folder, without a leading "./"; else its last part.
 * Points into path; "" when there is none.
 */
const char *guess_name(const char *path);

#endif
