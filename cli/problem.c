/* Refusals of the API: application/problem+json, RFC 9457. */
#include <string.h>

#include "outcome.h"
#include "poison.h"
#include "problem.h"
#include "term.h"

static const char *
status_says(long status)
{
	switch (status) {
	case 401:
		return "the key is missing or not valid; see VULCAN_TOKEN in "
		       "vulcan(1)";
	case 403:
		return "the key does not permit this";
	case 404:
		return "there is no such thing at this address";
	case 413:
		return "the request is too large";
	case 502:
	case 504:
		return "the web server has no vulcan-fcgi behind it that "
		       "answers; is it running?";
	case 503:
		return "too busy, or not running; try again later";
	}
	return "the answer is not Vulcan's; is the address right?";
}

static int
add(struct buf *out, const char *before, const char *text, struct verr *e)
{
	if (text[0] == '\0')
		return 0;
	if (buf_adds(out, before, e) == -1)
		return -1;
	return term_escape(text, strlen(text), out, e);
}

int
problem_text(long status, const char *body, struct buf *out, struct verr *e)
{
	cJSON v_autocjson *j = cJSON_Parse(body);
	const char *title = outcome_text(j, "title");
	if (title[0] == '\0')
		return buf_addf(out, e, "HTTP status %ld: %s\n", status,
			status_says(status));
	const char *field = outcome_text(j, "field");
	const char *detail = outcome_text(j, "detail");
	bool named = strncmp(detail, field, strlen(field)) == 0;
	if (add(out, "", title, e) == -1 ||
		add(out, ": ", named ? "" : field, e) == -1 ||
		add(out, ": ", detail, e) == -1 ||
		add(out, "\n  ", outcome_text(j, "hint"), e) == -1)
		return -1;
	return buf_addc(out, '\n', e);
}
