/* Command-line options by const tables. */
#include <string.h>

#include "opt.h"
#include "poison.h"

void
opt_init(struct opt_iter *it, int argc, char *const *argv,
	const struct opt *first, const struct opt *second)
{
	*it = (struct opt_iter){
		.argc = argc, .argv = argv, .tables = {first, second}};
}

static const struct opt *
find_name(const struct opt_iter *it, const char *name, size_t n)
{
	for (size_t t = 0; t < OPT_TABLES; t++) {
		const struct opt *o = it->tables[t];
		for (; o != NULL && o->name != NULL; o++)
			if (strlen(o->name) == n &&
				memcmp(o->name, name, n) == 0)
				return o;
	}
	return NULL;
}

static const struct opt *
find_letter(const struct opt_iter *it, char letter)
{
	for (size_t t = 0; t < OPT_TABLES; t++) {
		const struct opt *o = it->tables[t];
		for (; o != NULL && o->name != NULL; o++)
			if (o->letter != 0 && o->letter == letter)
				return o;
	}
	return NULL;
}

static int
take_value(struct opt_iter *it, const struct opt *o, const char **ret_value,
	struct verr *e)
{
	if (it->at == it->argc)
		return verr_set(e, VERR_INPUT, 0, "--%s needs %s after it",
			o->name, o->value);
	*ret_value = it->argv[it->at++];
	return 1;
}

static int
next_long(struct opt_iter *it, const char *word, int *ret_id,
	const char **ret_value, struct verr *e)
{
	const char *name = word + 2;
	size_t n = strcspn(name, "=");
	const struct opt *o = find_name(it, name, n);
	if (o == NULL)
		return verr_set(e, VERR_INPUT, 0, "no option --%.*s",
			(int)(n < 40 ? n : 40), name);
	*ret_id = o->id;
	*ret_value = NULL;
	if (o->value == NULL && name[n] == '=')
		return verr_set(
			e, VERR_INPUT, 0, "--%s takes no value", o->name);
	if (o->value == NULL)
		return 1;
	if (name[n] == '=') {
		*ret_value = name + n + 1;
		return 1;
	}
	return take_value(it, o, ret_value, e);
}

static int
next_letter(struct opt_iter *it, int *ret_id, const char **ret_value,
	struct verr *e)
{
	char letter = *it->cluster++;
	const struct opt *o = find_letter(it, letter);
	if (o == NULL)
		return verr_set(e, VERR_INPUT, 0, "no option -%c",
			letter > 0x20 && letter < 0x7f ? letter : '?');
	*ret_id = o->id;
	*ret_value = NULL;
	if (o->value == NULL)
		return 1;
	if (*it->cluster != '\0') {
		*ret_value = it->cluster;
		it->cluster = NULL;
		return 1;
	}
	return take_value(it, o, ret_value, e);
}

int
opt_next(struct opt_iter *it, int *ret_id, const char **ret_value,
	struct verr *e)
{
	if (it->cluster != NULL && *it->cluster != '\0')
		return next_letter(it, ret_id, ret_value, e);
	it->cluster = NULL;
	if (it->at == it->argc)
		return 0;
	const char *word = it->argv[it->at++];
	if (!it->rest && strcmp(word, "--") == 0) {
		it->rest = true;
		if (it->at == it->argc)
			return 0;
		word = it->argv[it->at++];
	}
	if (it->rest || word[0] != '-' || word[1] == '\0') {
		*ret_id = it->rest ? OPT_REST : OPT_OPERAND;
		*ret_value = word;
		return 1;
	}
	if (word[1] == '-')
		return next_long(it, word, ret_id, ret_value, e);
	it->cluster = word + 1;
	return next_letter(it, ret_id, ret_value, e);
}
