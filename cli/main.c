/*
 * vulcan: the command line of Vulcan, a client of its HTTP API.
 *
 * Runs as its user and trusts the address it was given with the key and the
 * code, and nothing more: what comes back is escaped before a terminal sees
 * it, but for the bytes that a program wrote to its standard output and error
 * when `run` passes them on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "outcome.h"
#include "poison.h"

#define RUN_FAILED OUTCOME_EXIT_PLATFORM

const struct command cli_commands[] = {
	{"run", "FILE... | -e CODE [-- ARG...]",
		"run a program and wait for it", cli_run_options, RUN_FAILED,
		RUN_FAILED, cli_run},
	{"status", "ID", "show one workload", NULL, CLI_FAILED, CLI_USAGE,
		cli_status},
	{"logs", "ID", "print what a workload wrote", cli_logs_options,
		CLI_FAILED, CLI_USAGE, cli_logs},
	{"ls", "", "list workloads, the newest first", cli_ls_options,
		CLI_FAILED, CLI_USAGE, cli_ls},
	{"kill", "ID", "stop a workload and wait until it is dead", NULL,
		CLI_FAILED, CLI_USAGE, cli_kill},
	{"rerun", "ID", "submit the same workload again", NULL, CLI_FAILED,
		CLI_USAGE, cli_rerun},
	{"nodes", "", "show the machines that run workloads", NULL, CLI_FAILED,
		CLI_USAGE, cli_nodes},
	{"backends", "", "show the tiers: which are usable, and if not, why",
		NULL, CLI_FAILED, CLI_USAGE, cli_backends},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static void
print_options(const struct opt *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		char left[64];
		const char letter[] = {'-', o->letter, ',', ' ', '\0'};
		snprintf(left, sizeof(left), "%s--%s%s%s",
			o->letter != 0 ? letter : "    ", o->name,
			o->value != NULL ? " " : "",
			o->value != NULL ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

static void
print_commands(FILE *to)
{
	fprintf(to, "usage: vulcan COMMAND [OPTION]... [WORD]...\n\n");
	for (const struct command *k = cli_commands; k->name != NULL; k++)
		fprintf(to, "  %-10s %s\n", k->name, k->summary);
	fprintf(to,
		"\nvulcan COMMAND --help lists a command's options; "
		"vulcan(1) is the manual.\n");
}

static int
help(const struct command *k)
{
	if (k == NULL) {
		print_commands(stdout);
		return CLI_OK;
	}
	printf("usage: vulcan %s [OPTION]... %s\n\n%s\n\n", k->name,
		k->operands, k->summary);
	print_options(k->options);
	print_options(cli_common_options);
	return CLI_OK;
}

static const struct command *
find_command(const char *name)
{
	for (const struct command *k = cli_commands; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* Options may stand before the command's name as well as after it. */
static const char *
take_name(struct cli *c, struct opt_iter *it)
{
	int id;
	const char *word;
	struct verr e;
	int r = cli_next(c, it, &id, &word, &e);
	if (r == 1)
		return word;
	if (r == -1)
		cli_say(e.msg);
	return NULL;
}

static int
start(struct cli *c, int argc, char **argv)
{
	struct opt_iter it;
	opt_init(&it, argc, argv, cli_common_options, NULL);
	if (argc == 1 && strcmp(argv[0], "--version") == 0) {
		printf("vulcan %s\n", VULCAN_VERSION);
		return CLI_OK;
	}
	const char *name = take_name(c, &it);
	if (c->help)
		return help(NULL);
	if (name != NULL && strcmp(name, "help") == 0)
		return help(it.at < argc ? find_command(argv[it.at]) : NULL);
	c->command = name != NULL ? find_command(name) : NULL;
	if (c->command == NULL) {
		if (name != NULL)
			fprintf(stderr, "vulcan: no such command\n");
		print_commands(stderr);
		return CLI_USAGE;
	}
	struct opt_iter rest;
	opt_init(&rest, argc - it.at, argv + it.at, c->command->options,
		cli_common_options);
	int status = c->command->run(c, &rest);
	return c->help ? help(c->command) : status;
}

int
main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	struct cli c = {.given = {
				.url = getenv("VULCAN_URL"),
				.token = getenv("VULCAN_TOKEN"),
				.state = getenv("VULCAN_STATE"),
				.home = getenv("HOME"),
				.config_home = getenv("XDG_CONFIG_HOME"),
			}};
	int status = start(&c, argc - 1, argv + 1);
	http_free(c.http);
	if (fflush(stdout) != 0 && status == CLI_OK) {
		cli_say("standard output: cannot be written");
		return CLI_FAILED;
	}
	return status;
}
