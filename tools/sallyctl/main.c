#include "tools/sallyctl/ask.h"
#include "tools/sallyctl/help.h"
#include "tools/sallyctl/local.h"
#include "tools/sallyctl/show.h"

#include <signal.h>
#include <stdio.h>
#include "common/banned.h"

#ifndef SP_VERSION
#define SP_VERSION "unknown"
#endif

struct view {
	const struct sp_line *line;
	struct sp_show show;
};

static void print_error(const struct view *v, const struct sp_ctl_answer *a)
{
	if (v->line->json) {
		uint8_t text[8192];
		struct sp_out o = sp_out_init(text, sizeof(text));

		sp_out_json_escaped(&o, a->error);
		printf("{\"error\":\"%.*s\"}\n", (int)o.len, (const char *)text);
	} else {
		fprintf(stderr, "sallyctl: %.*s\n", SP_FMT(a->error));
	}
}

static int print_answer(const struct sp_ctl_answer *a, void *user)
{
	struct view *v = user;

	if (a->error.n)
		print_error(v, a);
	else if (v->line->json)
		sp_show_json(a->data);
	else
		sp_show(&v->show, a->data);
	return ferror(stdout);
}

/// A record or a worker has some forty members: those that fit a line, for people; of a change, its sentence.
static void choose_columns(enum sp_ctl_command_id id, struct sp_show *s)
{
	static const size_t record_widths[] = {6, 30, 9, 22, 22, 8, 7, 12, 8, 14};

	if (id == SP_CMD_WORKERS)
		s->columns =
			"worker pid state restarts generation connections_open calls calls_denied "
			"calls_failed calls_open beat_ms";
	if (id == SP_CMD_POLICY_DIFF)
		s->line_key = "text";
	if (id != SP_CMD_AUDIT_QUERY && id != SP_CMD_AUDIT_TAIL)
		return;
	s->columns = "seq time type agent tool decision outcome reason total_us actor method object";
	s->row_key = "seq";
	memcpy(s->width, record_widths, sizeof(record_widths)); // records come one by one
}

static int help(const struct sp_line *l)
{
	const struct sp_ctl_command *c = l->command;
	char words[64];

	if (!l->help && l->argc > 0) {
		sp_line_words(l, SP_CTL_WORDS_MAX, words, sizeof(words));
		c = sp_ctl_command_find(sp_bytes_cstr(words));
		if (!c) {
			fprintf(stderr, "sallyctl: there is no command '%s'\n", words);
			return SP_CTL_USAGE;
		}
	} else if (!l->help) {
		c = NULL;
	}
	if (c)
		sp_help_command(c);
	else
		sp_help_all();
	return SP_CTL_OK;
}

static int local(const struct sp_line *l)
{
	switch (l->command->id) {
	case SP_CMD_POLICY_EXPLAIN:
		return sp_local_policy_explain(l);
	case SP_CMD_POLICY_TEST:
		return sp_local_policy_test(l);
	case SP_CMD_POLICY_IMPORT:
		return sp_local_policy_import(l, SP_VERSION);
	case SP_CMD_POLICY_LINT:
		return sp_local_policy_lint(l, SP_VERSION);
	case SP_CMD_POLICY_SIMULATE:
		return sp_local_policy_simulate(l);
	case SP_CMD_POLICY_SHADOW_REPORT:
		return sp_local_policy_shadow_report(l);
	case SP_CMD_INIT:
		return sp_local_init(l);
	case SP_CMD_POLICY_UNUSED:
		return sp_local_policy_unused(l);
	case SP_CMD_POLICY_SUGGEST:
		return sp_local_policy_suggest(l);
	case SP_CMD_MAN:
		sp_help_man();
		return SP_CTL_OK;
	case SP_CMD_COMPLETION:
		if (l->argc == 1 && strcmp(l->argv[0], "bash") == 0) {
			sp_help_bash();
			return SP_CTL_OK;
		}
		fputs("sallyctl: completion is for bash: 'sallyctl completion bash'\n", stderr);
		return SP_CTL_USAGE;
	default:
		return help(l);
	}
}

/// The gateway may be down: that is an answer, too.
static int version(const struct sp_line *l, struct view *v)
{
	if (!l->json)
		puts("sallyctl " SP_VERSION);
	if (sp_ask(l, true, print_answer, v) == SP_CTL_NO_CONNECTION)
		puts(l->json ? "{\"gateway\":null}" : "gateway not running");
	return SP_CTL_OK;
}

int main(int argc, char **argv)
{
	struct sp_line line;
	struct view v = {.line = &line};

	signal(SIGPIPE, SIG_IGN);
	if (sp_line_read(argc, argv, &line) < 0)
		return SP_CTL_USAGE;
	if (line.version)
		return puts("sallyctl " SP_VERSION) < 0;
	if (line.help || (line.command && line.command->id == SP_CMD_HELP))
		return help(&line);
	if (!line.command) {
		sp_help_all();
		return SP_CTL_USAGE;
	}
	if (line.command->server == SP_CTL_LOCAL)
		return local(&line);
	if (line.command->id == SP_CMD_POLICY_CHECK && sp_local_policy_check_wanted(&line))
		return sp_local_policy_check(&line);
	if (line.command->id == SP_CMD_POLICY_DIFF && sp_local_policy_diff_wanted(&line))
		return sp_local_policy_diff(&line);
	v.show.color = !line.no_color && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	choose_columns(line.command->id, &v.show);
	if (line.command->id == SP_CMD_VERSION)
		return version(&line, &v);
	return (int)sp_ask(&line, false, print_answer, &v);
}
