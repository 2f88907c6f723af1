/* The JavaScript that sets up the globals of programs. */
#ifndef BOOTSTRAP_H
#define BOOTSTRAP_H

#include <stddef.h>

extern const char bootstrap_script[];
extern const char bootstrap_script_end[];

#endif
