/* A driver that makes nothing and writes down what it was asked. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include "driver.h"

/* Steps called since fake_driver_reset, as words separated by spaces. */
extern char fake_calls[256];

/* A step whose name is this one fails; NULL: none does. */
extern const char *fake_failure;

/* What wait answers. */
extern int fake_wait;

/* What the guest says its result is; NULL: nothing. */
extern const char *fake_output;

void fake_driver_reset(void);
extern const struct driver fake_driver;

#endif
