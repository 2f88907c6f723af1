/*
 * vulcan-admin: what the operator does by hand. Runs as root, reads
 * vulcan.conf and writes the database with the statements of the role
 * `admin`; it parses nothing that a user of Vulcan sent.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "admin.h"
#include "poison.h"

#define CONF_DEFAULT "/etc/vulcan/vulcan.conf"

struct command {
	const char *group; /* first of two words, or NULL */
	const char *name;
	const char *args; /* as help shows them */
	int min, max; /* how many arguments */
	bool admin; /* takes --admin */
	bool password; /* takes --password-stdin */
	const char *does;
	int (*run)(struct call *, struct verr *);
};

static const struct command commands[] = {
	{NULL, "init", "", 0, 0, false, false,
		"make the database where there is none", admin_init},
	{NULL, "migrate", "", 0, 0, false, false,
		"bring the database up to this version", admin_migrate},
	{NULL, "check", "", 0, 0, false, false,
		"look through the whole database for damage", admin_check},
	{NULL, "conf", "", 0, 0, false, false,
		"print the settings that are in force", admin_conf},
	{"user", "add", "NAME [--admin] [--password-stdin]", 1, 1, true, true,
		"add a user; without a password only links let them in",
		admin_user_add},
	{"user", "password", "NAME --password-stdin", 1, 1, false, true,
		"set a user's password", admin_user_password},
	{"user", "list", "", 0, 0, false, false, "print the users",
		admin_user_list},
	{NULL, "login-link", "NAME", 1, 1, false, false,
		"print a link that logs in once, within 15 minutes",
		admin_login_link},
	{"key", "add", "NAME LABEL", 2, 2, false, false,
		"make an API key for user NAME; it is printed this once",
		admin_key_add},
	{"key", "list", "[NAME]", 0, 1, false, false, "print the API keys",
		admin_key_list},
	{"key", "revoke", "NUMBER", 1, 1, false, false,
		"end an API key; `key list` tells its number",
		admin_key_revoke},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
help(FILE *to)
{
	fputs("usage: vulcan-admin [-f vulcan.conf] COMMAND\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];
		fprintf(to, "  %s%s%s %s\n      %s\n",
			c->group != NULL ? c->group : "",
			c->group != NULL ? " " : "", c->name, c->args, c->does);
	}
	fputs("\nWithout -f it reads " CONF_DEFAULT ".\n", to);
	return to == stdout ? 0 : 2;
}

/* The command that argv[0..] names, and how many words that took. */
static const struct command *
find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];
		int words = c->group != NULL ? 2 : 1;
		if (argc < words ||
			(c->group != NULL && strcmp(argv[0], c->group) != 0) ||
			strcmp(argv[words - 1], c->name) != 0)
			continue;
		*ret_words = words;
		return c;
	}
	return NULL;
}

static int
take_arguments(const struct command *c, int argc, char **argv,
	struct call *call, struct verr *e)
{
	for (int i = 0; i < argc; i++) {
		if (c->admin && strcmp(argv[i], "--admin") == 0)
			call->admin = true;
		else if (c->password &&
			strcmp(argv[i], "--password-stdin") == 0)
			call->password_stdin = true;
		else if (argv[i][0] == '-')
			return verr_set(e, VERR_INPUT, 0,
				"unknown option '%s'; see vulcan-admin --help",
				argv[i]);
		else if (call->count == c->max)
			return verr_set(e, VERR_INPUT, 0,
				"'%s' is one argument too many; usage: "
				"vulcan-admin %s%s%s %s",
				argv[i], c->group != NULL ? c->group : "",
				c->group != NULL ? " " : "", c->name, c->args);
		else
			call->args[call->count++] = argv[i];
	}
	if (call->count < c->min)
		return verr_set(e, VERR_INPUT, 0,
			"an argument is missing; usage: vulcan-admin %s%s%s %s",
			c->group != NULL ? c->group : "",
			c->group != NULL ? " " : "", c->name, c->args);
	return 0;
}

static int
fail(const struct verr *e)
{
	fprintf(stderr, "vulcan-admin: %s\n", e->msg);
	return e->kind == VERR_INPUT ? 2 : 1;
}

int
main(int argc, char **argv)
{
	const char *conf_path = CONF_DEFAULT;
	int at = 1;
	if (at + 1 < argc && strcmp(argv[at], "-f") == 0) {
		conf_path = argv[at + 1];
		at += 2;
	}
	if (at < argc && strcmp(argv[at], "--help") == 0)
		return help(stdout);
	int words = 0;
	const struct command *c = find(argc - at, argv + at, &words);
	if (c == NULL)
		return help(stderr);
	struct verr e;
	struct conf conf;
	struct call call = {.conf = &conf};
	if (take_arguments(
		    c, argc - at - words, argv + at + words, &call, &e) == -1 ||
		conf_load(conf_path, &conf, &e) == -1)
		return fail(&e);
	if (sodium_init() == -1) {
		verr_set(&e, VERR_HOST, 0, "libsodium does not start");
		return fail(&e);
	}
	snprintf(
		call.db_path, sizeof(call.db_path), "%s/vulcan.db", conf.state);
	int r = c->run(&call, &e);
	if (r == -1)
		return fail(&e);
	if (fflush(stdout) != 0) {
		perror("vulcan-admin: standard output");
		return 1;
	}
	return r;
}
