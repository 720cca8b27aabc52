#include "tools/sallyctl/help.h"

#include <stdio.h>
#include "common/banned.h"

static const char *const globals[][2] = {
	{"--json", "print JSON, one value a line, instead of tables"},
	{"--run-dir DIR",
		"where the gateway's sockets are (SALLYPORT_RUN_DIR, else /run/sallyport)"},
	{"--timeout SECONDS", "how long to wait for an answer (150)"},
	{"--no-color", "no colours on a terminal, as with NO_COLOR"},
	{"--help", "help, also of one command"},
	{"--version", "this command's version"},
};
static const char *const codes[][2] = {
	{"0", "done, all is well"},
	{"1", "refused or failed, or what was asked about is not well"},
	{"2", "the command line is wrong"},
	{"3", "the gateway cannot be reached"},
	{"4", "a recorded call cannot be decided by what was recorded"},
};

static void words_of_args(const struct sp_ctl_command *c, char *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap - 1);

	sp_out_bytes(&o, sp_bytes_cstr(c->words));
	for (unsigned i = 0; i < c->args_n; i++) {
		const struct sp_ctl_arg *a = &c->args[i];

		if (sp_ctl_arg_is_option(a))
			continue;
		sp_out_bytes(&o, a->required ? SP_LIT(" ") : SP_LIT(" ["));
		sp_out_bytes(&o, sp_bytes_cstr(a->meta));
		if (!a->required)
			sp_out_lit(&o, "]");
	}
	buf[o.len] = 0;
}

static void option_word(const struct sp_ctl_arg *a, char *buf, size_t cap)
{
	if (!sp_ctl_arg_is_option(a))
		snprintf(buf, cap, "%s", a->meta);
	else
		snprintf(buf, cap, "--%s%s%s", a->name, a->meta ? " " : "", a->meta ? a->meta : "");
}

void sp_help_all(void)
{
	char text[128];

	puts("Usage: sallyctl [OPTIONS] COMMAND [ARGUMENTS]\n\nAsk and steer a running Sallyport "
	     "gateway.\n\n"
	     "Commands:");
	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		words_of_args(sp_ctl_command(i), text, sizeof(text));
		printf("  %-30s %s\n", text, sp_ctl_command(i)->help);
	}
	puts("\nOptions:");
	for (size_t i = 0; i < SP_ARRAY_LEN(globals); i++)
		printf("  %-30s %s\n", globals[i][0], globals[i][1]);
	puts("\nExit codes:");
	for (size_t i = 0; i < SP_ARRAY_LEN(codes); i++)
		printf("  %-30s %s\n", codes[i][0], codes[i][1]);
	puts("\n'sallyctl help COMMAND' explains one.");
}

void sp_help_command(const struct sp_ctl_command *c)
{
	char text[128];

	words_of_args(c, text, sizeof(text));
	printf("Usage: sallyctl %s%s\n\n%s%s.\n%s\n", text, c->args_n ? " [OPTIONS]" : "",
		(char[2]){(char)(c->help[0] >= 'a' ? c->help[0] - 32 : c->help[0]), 0}, c->help + 1,
		c->more);
	if (c->access != SP_ACCESS_NONE)
		printf("Needs the role %s.\n", sp_ctl_access_name(c->access));
	if (c->args_n)
		puts("");
	for (unsigned i = 0; i < c->args_n; i++) {
		option_word(&c->args[i], text, sizeof(text));
		printf("  %-22s %s", text, c->args[i].help);
		if (c->args[i].choices)
			printf(" (%s)", c->args[i].choices);
		puts("");
	}
}

static unsigned spaces(const char *words)
{
	unsigned n = 0;

	for (; *words; words++)
		n += *words == ' ';
	return n;
}

/// What may follow two words to make another command.
static void bash_third_words(const char *words)
{
	size_t n = strlen(words);

	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		const char *w = sp_ctl_command(i)->words;

		if (spaces(w) == 2 && strncmp(w, words, n) == 0 && w[n] == ' ')
			printf("%s ", w + n + 1);
	}
}

/// Commands of three words, as one pattern.
static void bash_long_commands(void)
{
	const char *between = "";

	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		if (spaces(sp_ctl_command(i)->words) != 2)
			continue;
		printf("%s'%s'", between, sp_ctl_command(i)->words);
		between = "|";
	}
}

static void bash_candidates(const struct sp_ctl_command *c)
{
	bool files = false;

	printf("\t'%s') words='", c->words);
	bash_third_words(c->words);
	for (unsigned i = 0; i < c->args_n; i++) {
		const struct sp_ctl_arg *a = &c->args[i];

		if (sp_ctl_arg_is_option(a))
			printf("--%s ", a->name);
		else if (a->choices)
			printf("%s ", a->choices);
		files = files || a->kind == SP_ARG_PATH || a->kind == SP_ARG_SOURCES;
	}
	printf("'%s ;;\n", files ? " files=1" : "");
	for (unsigned i = 0; i < c->args_n; i++)
		if (sp_ctl_arg_is_option(&c->args[i]) && c->args[i].choices)
			printf("\t'%s --%s') words='%s' ;;\n", c->words, c->args[i].name,
				c->args[i].choices);
}

/// First words, and what may follow the first word of two.
static void bash_words(void)
{
	const char *last = "";

	printf("\t'') words='");
	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		const char *w = sp_ctl_command(i)->words;
		size_t n = strcspn(w, " ");

		if (strncmp(w, last, n) != 0 || strcspn(last, " ") != n)
			printf("%.*s ", (int)n, w);
		last = w;
	}
	puts("--json --run-dir --timeout --no-color --help --version' ;;");
	for (unsigned i = 0; i < SP_CMD__COUNT; i++) {
		const char *w = sp_ctl_command(i)->words, *space = strchr(w, ' ');
		bool first = space != NULL;

		for (unsigned k = 0; k < i && first; k++)
			first = strncmp(sp_ctl_command(k)->words, w, (size_t)(space - w) + 1) != 0;
		if (!first)
			continue;
		printf("\t'%.*s') words='", (int)(space - w), w);
		for (unsigned k = i; k < SP_CMD__COUNT; k++)
			if (strncmp(sp_ctl_command(k)->words, w, (size_t)(space - w) + 1) == 0 &&
				spaces(sp_ctl_command(k)->words) == 1)
				printf("%s ", sp_ctl_command(k)->words + (space - w) + 1);
		puts("' ;;");
	}
}

void sp_help_bash(void)
{
	puts("# bash completion for sallyctl, from its table of commands\n"
	     "_sallyctl() {\n"
	     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	     "\tlocal words='' files='' command='' w i\n"
	     "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	     "\t\tw=${COMP_WORDS[i]}\n"
	     "\t\tcase $w in\n"
	     "\t\t--run-dir|--timeout) ((i++)); continue ;;\n"
	     "\t\t-*) continue ;;\n"
	     "\t\tesac\n"
	     "\t\tcase $command in\n"
	     "\t\t'') command=$w ;;\n"
	     "\t\t*\" \"*) case \"$command $w\" in");
	fputs("\t\t\t", stdout);
	bash_long_commands();
	puts(") command=\"$command $w\" ;;\n"
	     "\t\t\tesac ;;\n"
	     "\t\t*) command=\"$command $w\" ;;\n"
	     "\t\tesac\n"
	     "\tdone\n"
	     "\tcase $prev in\n"
	     "\t--run-dir) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
	     "\t--*) [[ -n $command && $cur != -* ]] && command=\"$command $prev\" ;;\n"
	     "\tesac\n"
	     "\tcase $command in");
	bash_words();
	for (unsigned i = 0; i < SP_CMD__COUNT; i++)
		bash_candidates(sp_ctl_command(i));
	puts("\tesac\n"
	     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	     "\t[[ -n $files && $cur != -* ]] && COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
	     "}\n"
	     "complete -o filenames -F _sallyctl sallyctl");
}

/// Text as roff takes it: hyphens that are minus signs, no line that looks like a request.
static void roff(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	for (; *s; s++) {
		if (*s == '-')
			fputs("\\-", stdout);
		else if (*s == '\\')
			fputs("\\e", stdout);
		else
			putchar(*s);
	}
}

static void roff_item(const char *head, const char *body)
{
	printf(".TP\n.B ");
	roff(head);
	putchar('\n');
	roff(body);
	putchar('\n');
}

static void man_command(const struct sp_ctl_command *c)
{
	char text[128];

	words_of_args(c, text, sizeof(text));
	printf(".SS \"");
	roff(text);
	puts("\"");
	roff(c->help);
	puts(".");
	roff(c->more);
	putchar('\n');
	if (c->access != SP_ACCESS_NONE)
		printf("Needs the role %s.\n", sp_ctl_access_name(c->access));
	for (unsigned i = 0; i < c->args_n; i++) {
		option_word(&c->args[i], text, sizeof(text));
		roff_item(text, c->args[i].help);
		if (c->args[i].choices) {
			printf("(");
			roff(c->args[i].choices);
			puts(")");
		}
	}
}

void sp_help_man(void)
{
	puts(".TH SALLYCTL 1 \"\" Sallyport\n.SH NAME\nsallyctl \\- ask and steer a running "
	     "Sallyport gateway\n"
	     ".SH SYNOPSIS\n.B sallyctl\n[\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
	     ".SH DESCRIPTION\nCommands go to the gateway's control process, or, for the audit "
	     "trail, to its\n"
	     "audit process, through unix sockets. The peer's user decides what it may do: root "
	     "and the\n"
	     "gateway's owner are admin, others have the role the configuration gives them\n"
	     "(viewer, reviewer, operator, admin; each includes those before it).\n.SH OPTIONS");
	for (size_t i = 0; i < SP_ARRAY_LEN(globals); i++)
		roff_item(globals[i][0], globals[i][1]);
	puts(".SH COMMANDS");
	for (unsigned i = 0; i < SP_CMD__COUNT; i++)
		man_command(sp_ctl_command(i));
	puts(".SH \"EXIT STATUS\"");
	for (size_t i = 0; i < SP_ARRAY_LEN(codes); i++)
		roff_item(codes[i][0], codes[i][1]);
	puts(".SH FILES");
	roff_item("/run/sallyport/control.sock", "where control listens");
	roff_item("/run/sallyport/audit.sock", "where audit listens");
	puts(".SH EXAMPLES\n.nf\nsallyctl status\nsallyctl policy check ./policies && "
	     "sallyctl policy publish ./policies\nsallyctl revoke agent support\\-7 \\-\\-note "
	     "'ticket 812'\n"
	     "sallyctl audit query \\-\\-decision deny \\-\\-since 2h \\-\\-json\n.fi");
}
