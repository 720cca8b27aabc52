#include "tools/sallyctl/local.h"

#include "config/import/import.h"
#include "config/load.h"

#include <stdio.h>
#include "common/banned.h"

#define FILE_BYTES_MAX (4u << 20)

static int usage(const char *what, const char *which)
{
	fprintf(stderr, "sallyctl: %s%s; see 'sallyctl help policy import'\n", what, which);
	return SP_CTL_USAGE;
}

static void print_problems(const struct sp_check *c, const char *kind)
{
	char text[2048];

	for (uint32_t i = 0; i < c->n; i++) {
		sp_problem_text(&c->v[i], text, sizeof(text));
		fprintf(stderr, "%s: %s\n", kind, text);
	}
	if (c->dropped)
		fprintf(stderr, "%s: and %u more\n", kind, c->dropped);
}

static void put_json(const char *s)
{
	uint8_t buf[6];

	putchar('"');
	for (; *s; s++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));

		sp_out_json_escaped(&o, sp_bytes(s, 1));
		fwrite(buf, 1, o.len, stdout);
	}
	putchar('"');
}

static void print_json(const char *policy, const struct sp_check *lossy)
{
	char text[2048];

	fputs("{\"policy\":", stdout);
	put_json(policy);
	fputs(",\"not_carried_over\":[", stdout);
	for (uint32_t i = 0; i < lossy->n; i++) {
		sp_problem_text(&lossy->v[i], text, sizeof(text));
		fputs(i ? "," : "", stdout);
		put_json(text);
	}
	printf("],\"not_shown\":%u}\n", lossy->dropped);
}

static int import(const struct sp_line *l, enum sp_import_from from, const char *file)
{
	struct sp_check check, lossy;
	char *policy = NULL;
	uint8_t *text;
	size_t n;
	int err = sp_load_file(file, FILE_BYTES_MAX, &text, &n);

	if (err) {
		fprintf(stderr, "sallyctl: %s: %s\n", file, sp_load_why(err));
		return SP_CTL_REFUSED;
	}
	sp_check_init(&check);
	sp_check_init(&lossy);
	err = sp_import(from, sp_bytes(text, n), file, &check, &lossy, &policy);
	if (err == 0 && l->json)
		print_json(policy, &lossy);
	else if (err == 0)
		fputs(policy, stdout);
	else if (err != -EBADMSG)
		fprintf(stderr, "sallyctl: %s: %s\n", file, strerror(-err));
	print_problems(&check, "error");
	if (!l->json)
		print_problems(&lossy, "warning");
	sp_check_done(&check);
	sp_check_done(&lossy);
	sp_wipe(text, n);
	free(text);
	free(policy);
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}

int sp_local_policy_import(const struct sp_line *l, const char *version)
{
	const char *from_text = NULL, *file = NULL;
	enum sp_import_from from;

	(void)version;
	for (int i = 0; i < l->argc; i++) {
		const char *arg = l->argv[i];

		if (strncmp(arg, "--from=", 7) == 0)
			from_text = arg + 7;
		else if (strcmp(arg, "--from") == 0 && i + 1 < l->argc)
			from_text = l->argv[++i];
		else if (strncmp(arg, "--", 2) == 0)
			return usage("unknown or incomplete option ", arg);
		else if (file)
			return usage("one file at a time, not also ", arg);
		else
			file = arg;
	}
	if (!from_text)
		return usage("what the file is has to be said with --from", "");
	if (sp_import_from_parse(from_text, &from) < 0)
		return usage("--from takes agentgateway or mcp-servers, not ", from_text);
	if (!file)
		return usage("policy import needs a file", "");
	return import(l, from, file);
}
