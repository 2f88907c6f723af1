/* What the commands of `vulcan` share. */
#ifndef CLI_H
#define CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "buf.h"
#include "connect.h"
#include "http.h"
#include "opt.h"
#include "verr.h"

/* Exit statuses of commands other than run. */
enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

struct command;

struct cli {
	const struct command *command;
	struct connect_given given;
	struct connect to;
	struct http *http;
	bool json;
	bool help;
};

struct command {
	const char *name;
	const char *operands; /* for help */
	const char *summary;
	const struct opt *options; /* NULL: only the common ones */
	int failed; /* exit statuses when Vulcan fails ... */
	int usage; /* ... and when the words are wrong */
	int (*run)(struct cli *, struct opt_iter *);
};

/* The table of commands; a row without a name ends it. */
extern const struct command cli_commands[];

/* The options that every command has. */
extern const struct opt cli_common_options[];

extern const struct opt cli_logs_options[];
extern const struct opt cli_ls_options[];
extern const struct opt cli_run_options[];
int cli_run(struct cli *, struct opt_iter *);
int cli_status(struct cli *, struct opt_iter *);
int cli_logs(struct cli *, struct opt_iter *);
int cli_ls(struct cli *, struct opt_iter *);
int cli_kill(struct cli *, struct opt_iter *);
int cli_rerun(struct cli *, struct opt_iter *);
int cli_nodes(struct cli *, struct opt_iter *);
int cli_backends(struct cli *, struct opt_iter *);

/*
 * As opt_next, and takes the options that every command has; gives only those
 * of the command and words.
 */
int cli_next(struct cli *, struct opt_iter *, int *ret_id,
	const char **ret_value, struct verr *);

/* Takes all words of a command that wants exactly one, or none (NULL). */
int cli_words(
	struct cli *, struct opt_iter *, const char **ret_word, struct verr *);

/* Reports an error and gives the exit status: usage or failure by its kind. */
int cli_fail(const struct cli *, const struct verr *);
int cli_misused(const struct cli *, const struct verr *);

/* Finds the Vulcan that was meant and gets ready to speak to it. */
int cli_connect(struct cli *, struct verr *);

/* "/v1/workloads/<id><tail>"; INPUT when id is no ULID. */
int cli_path(struct buf *, const char *id, const char *tail, struct verr *);

/*
 * Sends; 1 with a parsed answer (*ret, the caller's) when the status is 2xx,
 * 0 when Vulcan refused, which is reported by then, -1. NULL for ret: the
 * answer need not be JSON.
 */
int cli_call(struct cli *, const struct http_request *, struct buf *answer,
	cJSON **ret, struct verr *);

/* Reports a refusal on standard error, with --json on standard output too. */
void cli_refused(const struct cli *, long status, const struct buf *answer);

/* Prints an answer as it came, on a line of its own. */
int cli_json(struct buf *answer, struct verr *);

/* Writes all of it to standard output. */
int cli_out(const struct buf *, struct verr *);

/* One line to standard error, after "vulcan: ". */
void cli_say(const char *text);

#endif
