/* The closed sets of words that every part of Vulcan shares. */
#ifndef WORDS_H
#define WORDS_H

/*
 * Each set is an enum that counts from 0 and a pair of functions:
 * x_text gives the word as api.md, the database and the pages write it;
 * x_parse is 1 and sets *ret, or 0 when the text is no such word.
 */
enum status {
	STATUS_PENDING,
	STATUS_RUNNING,
	STATUS_COMPLETED,
	STATUS_FAILED,
	STATUS_KILLED,
	STATUS_COUNT
};
const char *status_text(enum status);
int status_parse(const char *, enum status *ret);

/* Why a run did not complete; REASON_NONE is written as null. */
enum reason {
	REASON_NONE,
	REASON_EXIT,
	REASON_SIGNAL,
	REASON_TIMEOUT,
	REASON_CPU,
	REASON_MEMORY,
	REASON_OUTPUT,
	REASON_DISK,
	REASON_PROCESSES,
	REASON_COMPILE,
	REASON_CANCELLED,
	REASON_PLATFORM,
	REASON_COUNT
};
const char *reason_text(enum reason);
int reason_parse(const char *, enum reason *ret);

enum tier { TIER_ISOLATE, TIER_GVISOR, TIER_MICROVM, TIER_COUNT };
const char *tier_text(enum tier);
int tier_parse(const char *, enum tier *ret);

enum runtime {
	RUNTIME_JAVASCRIPT,
	RUNTIME_TYPESCRIPT,
	RUNTIME_NODE,
	RUNTIME_PYTHON,
	RUNTIME_GO,
	RUNTIME_C,
	RUNTIME_SHELL,
	RUNTIME_OCI,
	RUNTIME_COUNT
};
const char *runtime_text(enum runtime);
int runtime_parse(const char *, enum runtime *ret);

enum phase {
	PHASE_QUEUED,
	PHASE_PULL,
	PHASE_CREATE,
	PHASE_BOOT,
	PHASE_CONNECT,
	PHASE_COMPILE,
	PHASE_EXEC,
	PHASE_COLLECT,
	PHASE_TEARDOWN,
	PHASE_COUNT
};
const char *phase_text(enum phase);
int phase_parse(const char *, enum phase *ret);

/* How the sandbox of a run came to be. */
enum warmth { WARMTH_COLD, WARMTH_WARM, WARMTH_RESTORED, WARMTH_COUNT };
const char *warmth_text(enum warmth);
int warmth_parse(const char *, enum warmth *ret);

/* STREAM_SYSTEM carries Vulcan's own remarks in a log. */
enum stream { STREAM_STDOUT, STREAM_STDERR, STREAM_SYSTEM, STREAM_COUNT };
const char *stream_text(enum stream);
int stream_parse(const char *, enum stream *ret);

#endif
