/* One run inside its jailed process: frames in, program, frames out. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "shim.h"

/* What the engine asks of the host; given to shim_start by the zygote. */
extern const struct shim_host program_host;

/* Says READY on the channel, takes one run, runs it, ends the process. */
_Noreturn void program_serve(int channel);

#endif
