/* The run that a keeper was given, read from the queue's frames. */
#ifndef JOB_H
#define JOB_H

#include "backend.h"
#include "wire.h"

/* spec points into the job's own memory. */
struct job {
	struct run_spec spec;
	enum warmth warmth;
	char id[32];
	char *entrypoint, *args, *env;
	struct run_file *files;
	size_t file_room;
	char *input, *stdin_data, *compiled;
	bool has_spec;
};
void job_init(struct job *);
void job_done(struct job *);

/*
 * Takes one frame. 1: it was GO and the job is complete; 0: more are needed;
 * -1 PROTO for a frame out of order or a SPEC that is wrong in any way, or
 * with a limit above what conf allows.
 */
int job_take(struct job *, const struct conf *, const struct wire_frame *,
	struct verr *);

#endif
