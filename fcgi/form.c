/* Forms and query strings, and the check of what a route permits. */
#include <inttypes.h>
#include <string.h>

#include "body_json.h"
#include "form.h"
#include "num.h"
#include "poison.h"
#include "request.h"
#include "ulid.h"

#define TEXT_BYTES 4096
#define JSON_BYTES 65536
#define JSON_ITEMS 65536

void
form_add(struct arena *a, struct form *f, const char *name, const char *value)
{
	if (f->count == f->room) {
		size_t room = f->room == 0 ? 16 : f->room * 2;
		struct form_field *more =
			arena_array(a, room, sizeof(struct form_field));
		if (f->count > 0)
			memcpy(more, f->fields, f->count * sizeof(more[0]));
		f->fields = more;
		f->room = room;
	}
	f->fields[f->count++] = (struct form_field){name, value};
}

static int
add_pair(struct arena *a, const char *p, size_t n, struct form *f,
	struct field_error *fe, struct verr *e)
{
	const char *eq = memchr(p, '=', n);
	size_t name_len = eq != NULL ? (size_t)(eq - p) : n;
	const char *name, *value = "";
	struct verr why;
	if (percent_decode(a, p, name_len, true, &name, &why) == -1)
		return field_refuse(fe, e,
			arena_bytes(a, p, name_len < 64 ? name_len : 64),
			"the field's name %s", why.msg);
	if (eq != NULL &&
		percent_decode(
			a, eq + 1, n - name_len - 1, true, &value, &why) == -1)
		return field_refuse(fe, e, name, "%s", why.msg);
	if (name[0] == '\0')
		return field_refuse(fe, e, "", "a field without a name");
	form_add(a, f, name, value);
	return 0;
}

int
form_parse(struct arena *a, const char *text, size_t len,
	const struct form_limits *limits, struct form *ret,
	struct field_error *fe, struct verr *e)
{
	struct form f = {0};
	*fe = (struct field_error){0};
	if (len > limits->bytes_max)
		return verr_set(e, VERR_LIMIT, 0,
			"the form is longer than %zu bytes", limits->bytes_max);
	for (size_t i = 0; i < len;) {
		const char *amp = memchr(text + i, '&', len - i);
		size_t n = amp != NULL ? (size_t)(amp - text) - i : len - i;
		if (n > 0 && f.count == limits->fields_max)
			return verr_set(e, VERR_LIMIT, 0,
				"the form has more than %zu fields",
				limits->fields_max);
		if (n > 0 && add_pair(a, text + i, n, &f, fe, e) == -1)
			return -1;
		i += n + 1;
	}
	*ret = f;
	return 0;
}

const char *
form_next(const struct form *f, const char *name, size_t *at)
{
	while (*at < f->count) {
		const struct form_field *field = &f->fields[(*at)++];
		if (strcmp(field->name, name) == 0)
			return field->value;
	}
	return NULL;
}

const char *
form_get(const struct form *f, const char *name)
{
	size_t at = 0;
	return form_next(f, name, &at);
}

static const struct param *
find_param(const struct param *table, const char *name)
{
	for (const struct param *p = table; p != NULL && p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static int
hint_params(const struct param *table, struct field_error *fe)
{
	const char *names[64];
	size_t n = 0;
	for (const struct param *p = table;
		p != NULL && p->name != NULL && n < 63; p++)
		names[n++] = p->name;
	names[n] = NULL;
	return field_hint_names(fe, names);
}

static int
bool_parse(const char *v)
{
	static const char *const yes[] = {"true", "1", "on"};
	static const char *const no[] = {"false", "0", "off"};
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(v, yes[i]) == 0)
			return 1;
		if (strcmp(v, no[i]) == 0)
			return 0;
	}
	return -1;
}

static int
check_text(const struct param *p, const char *v, uint64_t normal_max,
	struct field_error *fe, struct verr *e)
{
	uint64_t max = p->max > 0 ? p->max : normal_max;
	size_t n = strlen(v);
	if (n < p->min)
		return field_refuse(fe, e, p->name,
			"shorter than %" PRIu64 " bytes", p->min);
	if (n > max)
		return field_refuse(
			fe, e, p->name, "longer than %" PRIu64 " bytes", max);
	return 0;
}

static int
check_json(const struct param *p, const char *v, struct field_error *fe,
	struct verr *e)
{
	if (check_text(p, v, JSON_BYTES, fe, e) == -1)
		return -1;
	struct body_json_limits limits = {SIZE_MAX, JSON_ITEMS};
	struct verr why;
	struct field_error at;
	if (body_json_check(v, strlen(v), &limits, &at, &why) == 0)
		return 0;
	return field_refuse(fe, e, p->name, "%s", why.msg);
}

static int
check_word(const struct param *p, const char *v, struct field_error *fe,
	struct verr *e)
{
	for (size_t i = 0; p->words[i] != NULL; i++)
		if (strcmp(p->words[i], v) == 0)
			return 0;
	field_refuse(fe, e, p->name, "no such choice");
	return field_hint_names(fe, p->words);
}

static int
check_u64(const struct param *p, const char *v, struct field_error *fe,
	struct verr *e)
{
	uint64_t max = p->max > 0 ? p->max : UINT64_MAX, value;
	struct verr why;
	if (num_u64s(v, p->min, max, "", &value, &why) == 0)
		return 0;
	return field_refuse(fe, e, p->name,
		"must be a whole number from %" PRIu64 " to %" PRIu64, p->min,
		max);
}

static int
check_value(const struct param *p, const char *v, struct field_error *fe,
	struct verr *e)
{
	int64_t ms;
	switch (p->type) {
	case PARAM_TEXT:
		return check_text(p, v, TEXT_BYTES, fe, e);
	case PARAM_U64:
		return check_u64(p, v, fe, e);
	case PARAM_ULID:
		return ulid_valid(v) ? 0
				     : field_refuse(fe, e, p->name,
					       "is no identifier (a ULID)");
	case PARAM_WORD:
		return check_word(p, v, fe, e);
	case PARAM_JSON:
		return check_json(p, v, fe, e);
	case PARAM_TIME:
		return time_parse(v, &ms)
			? 0
			: field_refuse(fe, e, p->name,
				  "is no time such as 2026-01-31T12:00:00Z");
	case PARAM_BOOL:
		return bool_parse(v) >= 0
			? 0
			: field_refuse(fe, e, p->name, "must be true or false");
	case PARAM_TYPES:
		break;
	}
	return verr_set(e, VERR_BUG, 0, "parameter %s has no type", p->name);
}

static int
check_missing(const struct param *table, const struct form *f,
	struct field_error *fe, struct verr *e)
{
	for (const struct param *p = table; p != NULL && p->name != NULL; p++)
		if (p->required && form_get(f, p->name) == NULL)
			return field_refuse(fe, e, p->name, "is missing");
	return 0;
}

int
param_check(const struct param *table, struct form *f, struct field_error *fe,
	struct verr *e)
{
	size_t kept = 0;
	*fe = (struct field_error){0};
	for (size_t i = 0; i < f->count; i++) {
		struct form_field field = f->fields[i];
		const struct param *p = find_param(table, field.name);
		if (p == NULL) {
			field_refuse(fe, e, field.name, "is not known here");
			return hint_params(table, fe);
		}
		if (field.value[0] == '\0' && !p->required &&
			p->type != PARAM_TEXT)
			continue;
		if (check_value(p, field.value, fe, e) == -1)
			return -1;
		for (size_t k = 0; k < kept && !p->repeatable; k++)
			if (strcmp(f->fields[k].name, field.name) == 0)
				return field_refuse(fe, e, field.name,
					"was sent twice; send it once");
		f->fields[kept++] = field;
	}
	f->count = kept;
	return check_missing(table, f, fe, e);
}

uint64_t
form_u64(const struct form *f, const char *name, uint64_t normal)
{
	const char *v = form_get(f, name);
	uint64_t value;
	struct verr e;
	if (v == NULL || num_u64s(v, 0, UINT64_MAX, name, &value, &e) == -1)
		return normal;
	return value;
}

bool
form_bool(const struct form *f, const char *name, bool normal)
{
	const char *v = form_get(f, name);
	int b = v != NULL ? bool_parse(v) : -1;
	return b >= 0 ? b == 1 : normal;
}

int64_t
form_time_ms(const struct form *f, const char *name, int64_t normal)
{
	const char *v = form_get(f, name);
	int64_t ms;
	return v != NULL && time_parse(v, &ms) ? ms : normal;
}

/* Exactly n digits at *p. */
static int
digits(const char **p, int n)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static bool
pass(const char **p, const char *set)
{
	if (**p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

/* Days since 1970 of a date in the proleptic Gregorian calendar. */
static int64_t
days_of(int y, int m, int d)
{
	y -= m <= 2;
	int era = y / 400;
	int yoe = y - era * 400;
	int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return (int64_t)era * 146097 + doe - 719468;
}

static int
month_days(int y, int m)
{
	static const int days[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
	return days[m - 1] + (m == 2 && leap ? 1 : 0);
}

/* "Z" or "+hh:mm" to its end; -1 when it is neither. */
static int
zone_minutes(const char **p, int *ret)
{
	*ret = 0;
	if (pass(p, "Zz"))
		return 0;
	int sign = **p == '-' ? -1 : 1;
	if (!pass(p, "+-"))
		return -1;
	int h = digits(p, 2);
	if (h < 0 || h > 23 || !pass(p, ":"))
		return -1;
	int m = digits(p, 2);
	if (m < 0 || m > 59)
		return -1;
	*ret = sign * (h * 60 + m);
	return 0;
}

static int
fraction_ms(const char **p)
{
	int ms = 0, scale = 100, n = 0;
	for (; **p >= '0' && **p <= '9' && n < 9; (*p)++, n++) {
		ms += (**p - '0') * scale;
		scale /= 10;
	}
	return n > 0 ? ms : -1;
}

int
time_parse(const char *text, int64_t *ret_ms)
{
	const char *p = text;
	int y = digits(&p, 4);
	if (y < 1970 || !pass(&p, "-"))
		return 0;
	int mon = digits(&p, 2);
	if (mon < 1 || mon > 12 || !pass(&p, "-"))
		return 0;
	int d = digits(&p, 2);
	if (d < 1 || d > month_days(y, mon) || !pass(&p, "Tt "))
		return 0;
	int h = digits(&p, 2);
	if (h < 0 || h > 23 || !pass(&p, ":"))
		return 0;
	int min = digits(&p, 2);
	if (min < 0 || min > 59 || !pass(&p, ":"))
		return 0;
	int s = digits(&p, 2);
	if (s < 0 || s > 60)
		return 0;
	int ms = pass(&p, ".") ? fraction_ms(&p) : 0;
	int zone;
	if (ms < 0 || zone_minutes(&p, &zone) == -1 || *p != '\0')
		return 0;
	int64_t minutes = (days_of(y, mon, d) * 24 + h) * 60 + min - zone;
	*ret_ms = (minutes * 60 + s) * 1000 + ms;
	return 1;
}
