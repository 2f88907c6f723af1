/* The columns of a record, in the order of RECORD_SHORT and RECORD_LONG. */
#ifndef DB_ROW_H
#define DB_ROW_H

#include "db_int.h"

enum record_column {
	COL_ID,
	COL_USER_ID,
	COL_USER,
	COL_STATUS,
	COL_REASON,
	COL_ISOLATION_REQUESTED,
	COL_ISOLATION,
	COL_ROUTING,
	COL_RUNTIME,
	COL_IMAGE,
	COL_ENTRYPOINT,
	COL_LABELS,
	COL_NETWORK,
	COL_PRIORITY,
	COL_LIMITS, /* seven of them, in the order of struct run_limits */
	COL_INPUT_HASH = COL_LIMITS + 7,
	COL_ATTEMPT,
	COL_CANCEL_REQUESTED_AT,
	COL_CREATED_AT,
	COL_STARTED_AT,
	COL_FINISHED_AT,
	COL_DURATION_MS,
	COL_RUN_ID,
	COL_NODE,
	COL_ENGINE,
	COL_SANDBOX,
	COL_EXIT_CODE,
	COL_SIGNAL,
	COL_ERROR,
	COL_LIMIT_NAME,
	COL_LIMIT_VALUE,
	COL_LIMIT_SETTING,
	COL_USED_CPU_US,
	COL_USED_WALL_US,
	COL_USED_MEMORY_KIB,
	COL_STDOUT_BYTES,
	COL_STDERR_BYTES,
	COL_STDOUT_TRUNCATED,
	COL_STDERR_TRUNCATED,
	COL_ARGS, /* from here on in whole records only */
	COL_ENV,
	COL_INPUT,
	COL_STDIN,
	COL_ERROR_DETAIL,
	COL_OUTPUT,
};

/* Fills *w from the present row; whole: the long columns are there, too. */
int row_workload(
	const struct query *, bool whole, struct db_workload *w, struct verr *);

/* Seven columns from `at` on. */
void col_limits(const struct query *, int at, struct run_limits *);

/* A blob; NULL for SQL's NULL only. */
const void *col_bytes(const struct query *, int at, size_t *ret_len);

#endif
