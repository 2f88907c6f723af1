/* The closed sets of words that every part of Vulcan shares. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "poison.h"
#include "words.h"

static int
find(const char *const *words, int count, const char *text)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

/* The table, x_text and x_parse of one set. */
#define WORDS(name, COUNT, ...) \
	static const char *const name##_words[] = {__VA_ARGS__}; \
	_Static_assert( \
		sizeof(name##_words) / sizeof(name##_words[0]) == COUNT, \
		"a word for every " #name); \
	const char *name##_text(enum name value) \
	{ \
		assert(value >= 0 && value < COUNT); \
		return name##_words[value]; \
	} \
	int name##_parse(const char *text, enum name *ret) \
	{ \
		int i = find(name##_words, COUNT, text); \
		if (i == -1) \
			return 0; \
		*ret = (enum name)i; \
		return 1; \
	}

WORDS(status, STATUS_COUNT, [STATUS_PENDING] = "pending",
	[STATUS_RUNNING] = "running", [STATUS_COMPLETED] = "completed",
	[STATUS_FAILED] = "failed", [STATUS_KILLED] = "killed")

WORDS(reason, REASON_COUNT, [REASON_NONE] = "", [REASON_EXIT] = "exit",
	[REASON_SIGNAL] = "signal", [REASON_TIMEOUT] = "timeout",
	[REASON_CPU] = "cpu", [REASON_MEMORY] = "memory",
	[REASON_OUTPUT] = "output", [REASON_DISK] = "disk",
	[REASON_PROCESSES] = "processes", [REASON_COMPILE] = "compile",
	[REASON_CANCELLED] = "cancelled", [REASON_PLATFORM] = "platform")

WORDS(tier, TIER_COUNT, [TIER_ISOLATE] = "isolate", [TIER_GVISOR] = "gvisor",
	[TIER_MICROVM] = "microvm")

WORDS(runtime, RUNTIME_COUNT, [RUNTIME_JAVASCRIPT] = "javascript",
	[RUNTIME_TYPESCRIPT] = "typescript", [RUNTIME_NODE] = "node",
	[RUNTIME_PYTHON] = "python", [RUNTIME_GO] = "go", [RUNTIME_C] = "c",
	[RUNTIME_SHELL] = "shell", [RUNTIME_OCI] = "oci")

WORDS(phase, PHASE_COUNT, [PHASE_QUEUED] = "queued", [PHASE_PULL] = "pull",
	[PHASE_CREATE] = "create", [PHASE_BOOT] = "boot",
	[PHASE_CONNECT] = "connect", [PHASE_COMPILE] = "compile",
	[PHASE_EXEC] = "exec", [PHASE_COLLECT] = "collect",
	[PHASE_TEARDOWN] = "teardown")

WORDS(warmth, WARMTH_COUNT, [WARMTH_COLD] = "cold", [WARMTH_WARM] = "warm",
	[WARMTH_RESTORED] = "restored")

WORDS(stream, STREAM_COUNT, [STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr", [STREAM_SYSTEM] = "system")
