/* What a record of the API means to `vulcan`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "outcome.h"
#include "poison.h"
#include "term.h"
#include "words.h"

const char *
outcome_text(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	return cJSON_IsString(item) ? item->valuestring : "";
}

int
outcome_number(
	const cJSON *object, const char *key, struct buf *out, struct verr *e)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	if (!cJSON_IsNumber(item))
		return 0;
	double v = item->valuedouble;
	if (v >= -9e15 && v <= 9e15 && v == (double)(long long)v)
		return buf_addf(out, e, "%lld", (long long)v);
	return buf_addf(out, e, "%.*f", v < 10 ? 3 : 1, v);
}

bool
outcome_settled(const cJSON *record)
{
	enum status s;
	if (!status_parse(outcome_text(record, "status"), &s))
		return false;
	return s != STATUS_PENDING && s != STATUS_RUNNING;
}

/* What a shell says of a program that a signal ended. */
static int
signal_status(const char *name)
{
	for (int n = 1; n < 65; n++) {
		const char *abbreviation = sigabbrev_np(n);
		if (abbreviation != NULL && strncmp(name, "SIG", 3) == 0 &&
			strcmp(name + 3, abbreviation) == 0)
			return 128 + n;
	}
	return OUTCOME_EXIT_LIMIT;
}

static int
program_status(const cJSON *record)
{
	const cJSON *code =
		cJSON_GetObjectItemCaseSensitive(record, "exit_code");
	if (!cJSON_IsNumber(code))
		return 1;
	int status = code->valueint & 0xff;
	return status == 0 && code->valueint != 0 ? 1 : status;
}

int
outcome_exit_status(const cJSON *record)
{
	enum status status;
	enum reason reason;
	if (!status_parse(outcome_text(record, "status"), &status))
		return OUTCOME_EXIT_PLATFORM;
	if (status == STATUS_COMPLETED)
		return 0;
	if (!reason_parse(outcome_text(record, "reason"), &reason))
		return OUTCOME_EXIT_PLATFORM;
	switch (reason) {
	case REASON_EXIT:
	case REASON_COMPILE: {
		int code = program_status(record);
		return code == 0 ? 1 : code;
	}
	case REASON_SIGNAL:
		return signal_status(outcome_text(record, "signal"));
	case REASON_TIMEOUT:
	case REASON_CPU:
		return OUTCOME_EXIT_TIMEOUT;
	case REASON_MEMORY:
	case REASON_OUTPUT:
	case REASON_DISK:
	case REASON_PROCESSES:
		return OUTCOME_EXIT_LIMIT;
	case REASON_CANCELLED:
		return OUTCOME_EXIT_CANCELLED;
	case REASON_NONE:
	case REASON_PLATFORM:
	case REASON_COUNT:
		break;
	}
	return OUTCOME_EXIT_PLATFORM;
}

static int
add_limit(const cJSON *record, struct buf *out, struct verr *e)
{
	const cJSON *limit = cJSON_GetObjectItemCaseSensitive(record, "limit");
	if (!cJSON_IsObject(limit))
		return 0;
	if (buf_addf(out, e, ", limit %s ", outcome_text(limit, "name")) == -1)
		return -1;
	return outcome_number(limit, "setting", out, e);
}

static int
add_outcome(const cJSON *record, struct buf *out, struct verr *e)
{
	const char *reason = outcome_text(record, "reason");
	const char *signal = outcome_text(record, "signal");
	if (buf_adds(out, outcome_text(record, "status"), e) == -1)
		return -1;
	if (reason[0] == '\0')
		return 0;
	if (buf_addf(out, e, " (%s", reason) == -1)
		return -1;
	if (strcmp(reason, "exit") == 0 &&
		(buf_adds(out, " ", e) == -1 ||
			outcome_number(record, "exit_code", out, e) == -1))
		return -1;
	if (strcmp(reason, "signal") == 0 && signal[0] != '\0' &&
		buf_addf(out, e, " %s", signal) == -1)
		return -1;
	if (add_limit(record, out, e) == -1)
		return -1;
	return buf_adds(out, ")", e);
}

static int
add_where(const cJSON *record, struct buf *out, struct verr *e)
{
	const char *engine = outcome_text(record, "engine");
	const char *sandbox = outcome_text(record, "sandbox");
	if (buf_addf(out, e, " on %s", outcome_text(record, "isolation")) == -1)
		return -1;
	if (engine[0] == '\0')
		return 0;
	return buf_addf(out, e, " (%s%s%s)", engine,
		sandbox[0] != '\0' ? ", " : "", sandbox);
}

int
outcome_line(const cJSON *record, struct buf *out, struct verr *e)
{
	struct buf v_autobuf plain = BUF(1u << 20);
	const char *error = outcome_text(record, "error");
	if (add_outcome(record, &plain, e) == -1 ||
		add_where(record, &plain, e) == -1)
		return -1;
	const cJSON *time =
		cJSON_GetObjectItemCaseSensitive(record, "duration_ms");
	if (cJSON_IsNumber(time) &&
		buf_addf(&plain, e, " in %.1f ms", time->valuedouble) == -1)
		return -1;
	if (buf_addf(&plain, e, "  %s", outcome_text(record, "id")) == -1)
		return -1;
	if (error[0] != '\0' && buf_addf(&plain, e, "  %s", error) == -1)
		return -1;
	return term_escape(buf_text(&plain), plain.len, out, e);
}

int
outcome_stream(const cJSON *record, const char *stream, struct buf *out,
	struct verr *e)
{
	char key[32];
	snprintf(key, sizeof(key), "%s_base64", stream);
	const char *coded = outcome_text(record, key);
	const char *text = outcome_text(record, stream);
	if (coded[0] != '\0')
		return base64_decode(coded, strlen(coded), out, e) == -1 ? -1
									 : 1;
	if (strstr(text, "\xef\xbf\xbd") != NULL)
		return 0;
	return buf_adds(out, text, e) == -1 ? -1 : 1;
}

cJSON *
outcome_parse(const char *text)
{
	if (strstr(text, "\\u0000") == NULL)
		return cJSON_Parse(text);
	char *copy = strdup(text);
	if (copy == NULL)
		return NULL;
	for (char *p = strchr(copy, '\\'); p != NULL && p[1] != '\0';
		p = strchr(p + 2, '\\'))
		if (strncmp(p, "\\u0000", 6) == 0)
			memcpy(p + 2, "fffd", 4);
	cJSON *parsed = cJSON_Parse(copy);
	free(copy);
	return parsed;
}
