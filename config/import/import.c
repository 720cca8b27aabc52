#include "config/import/import_run.h"

#include "common/banned.h"

int sp_import_from_parse(const char *s, enum sp_import_from *ret)
{
	if (strcmp(s, "agentgateway") == 0)
		*ret = SP_IMPORT_AGENTGATEWAY;
	else if (strcmp(s, "mcp-servers") == 0)
		*ret = SP_IMPORT_MCP_SERVERS;
	else
		return -EINVAL;
	return 0;
}

static bool is_control(struct sp_bytes s, size_t i)
{
	return s.p[i] < 0x20 || s.p[i] == 0x7f ||
	       (s.p[i] == 0xc2 && i + 1 < s.n && (s.p[i + 1] & 0xe0) == 0x80);
}

static bool has_control(struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_control(s, i))
			return true;
	return false;
}

/// Single quotes, which have one escape, unless controls ask for double ones.
void sp_import_put(FILE *f, struct sp_bytes s)
{
	bool plain = !has_control(s);

	fputc(plain ? '\'' : '"', f);
	for (size_t i = 0; i < s.n; i++) {
		if (plain && s.p[i] == '\'')
			fputs("''", f);
		else if (plain)
			fputc(s.p[i], f);
		else if (s.p[i] == 0xc2 && is_control(s, i))
			fprintf(f, "\\x%02x", s.p[++i]);
		else if (is_control(s, i))
			fprintf(f, "\\x%02x", s.p[i]);
		else if (s.p[i] == '"' || s.p[i] == '\\')
			fprintf(f, "\\%c", s.p[i]);
		else
			fputc(s.p[i], f);
	}
	fputc(plain ? '\'' : '"', f);
}

void sp_import_put_comment(FILE *f, const char *s)
{
	struct sp_bytes b = sp_bytes_cstr(s);

	for (size_t i = 0; i < b.n; i++) {
		if (is_control(b, i))
			fputc('?', f);
		else
			fputc(b.p[i], f);
	}
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

static int convert(enum sp_import_from from, struct sp_import_run *r, char **ret)
{
	uint32_t before = sp_check_count(r->check);
	char *text = NULL;
	size_t n;
	int err;

	r->out = open_memstream(&text, &n);
	if (!r->out)
		return -ENOMEM;
	sp_arena_init(&r->arena);
	if (from == SP_IMPORT_AGENTGATEWAY)
		sp_import_agentgateway(r);
	else
		sp_import_servers(r);
	sp_arena_done(&r->arena);
	err = r->err ? r->err : ferror(r->out) ? -ENOMEM : 0;
	if (fclose(r->out) != 0 && !err)
		err = -ENOMEM;
	if (!err && sp_check_count(r->check) != before)
		err = -EBADMSG;
	if (err)
		free(text);
	else
		*ret = text;
	return err;
}

int sp_import(enum sp_import_from from, struct sp_bytes text, const char *file,
	struct sp_check *check, struct sp_check *lossy, char **ret)
{
	struct sp_tree tree;
	struct sp_import_run r = {.tree = &tree, .check = check, .lossy = lossy};
	int err;

	if (ends_with(file, ".json"))
		SP_TRY(sp_json_tree_parse(text, file, check, &tree));
	else
		SP_TRY(sp_yaml_parse(text, file, check, &tree));
	err = convert(from, &r, ret);
	sp_tree_done(&tree);
	return err;
}
