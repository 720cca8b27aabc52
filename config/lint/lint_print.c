#include "config/lint/lint.h"

#include "common/banned.h"

static void put_json(FILE *f, const char *s)
{
	uint8_t buf[6];

	for (; *s; s++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));

		sp_out_json_escaped(&o, sp_bytes(s, 1));
		fwrite(buf, 1, o.len, f);
	}
}

static void member(FILE *f, const char *before, const char *value)
{
	fputs(before, f);
	fputc('"', f);
	put_json(f, value);
	fputc('"', f);
}

static void count(const struct sp_lint *l, unsigned ret[SP_LINT_ERROR + 1])
{
	for (uint32_t i = 0; i < l->n; i++)
		ret[l->v[i].severity]++;
}

void sp_lint_print_text(const struct sp_lint *l, FILE *f)
{
	unsigned n[SP_LINT_ERROR + 1] = {0};

	for (uint32_t i = 0; i < l->n; i++) {
		const struct sp_lint_finding *v = &l->v[i];

		fputs(v->at.file, f);
		if (v->at.line)
			fprintf(f, ":%u:%u", v->at.line, v->at.col);
		fprintf(f, ": %s: %s [%s]\n", sp_lint_severity_name(v->severity), v->text,
			sp_lint_rules[v->id].id);
		if (v->id != SP_LINT_INVALID)
			fprintf(f, "    %s\n", sp_lint_rules[v->id].mend);
	}
	count(l, n);
	if (l->dropped)
		fprintf(f, "%u more findings are not shown\n", l->dropped);
	fprintf(f, "%u errors, %u warnings, %u notes\n", n[SP_LINT_ERROR], n[SP_LINT_WARNING],
		n[SP_LINT_NOTE]);
}

void sp_lint_print_json(const struct sp_lint *l, FILE *f)
{
	unsigned n[SP_LINT_ERROR + 1] = {0};

	fputs("{\"findings\":[", f);
	for (uint32_t i = 0; i < l->n; i++) {
		const struct sp_lint_finding *v = &l->v[i];

		member(f, i ? ",{\"id\":" : "{\"id\":", sp_lint_rules[v->id].id);
		member(f, ",\"severity\":", sp_lint_severity_name(v->severity));
		member(f, ",\"file\":", v->at.file);
		fprintf(f, ",\"line\":%u,\"column\":%u", v->at.line, v->at.col);
		member(f, ",\"text\":", v->text);
		member(f, ",\"mend\":", sp_lint_rules[v->id].mend);
		fputc('}', f);
	}
	count(l, n);
	fprintf(f, "],\"errors\":%u,\"warnings\":%u,\"notes\":%u,\"not_shown\":%u}\n",
		n[SP_LINT_ERROR], n[SP_LINT_WARNING], n[SP_LINT_NOTE], l->dropped);
}

/// A path as a URI reference: what RFC 3986 does not let stand in one is encoded.
static void put_uri(FILE *f, const char *path)
{
	fputs(path[0] == '/' ? "file://" : "", f);
	for (; *path; path++) {
		uint8_t c = (uint8_t)*path;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			strchr("-._~/", c))
			fputc(c, f);
		else
			fprintf(f, "%%%02X", c);
	}
}

static void sarif_rule(FILE *f, const struct sp_lint_rule *r)
{
	member(f, "{\"id\":", r->id);
	member(f, ",\"shortDescription\":{\"text\":", r->says);
	member(f, "},\"help\":{\"text\":", r->mend);
	member(f, "},\"defaultConfiguration\":{\"level\":", sp_lint_severity_name(r->severity));
	fputs("}}", f);
}

static void sarif_result(FILE *f, const struct sp_lint_finding *v)
{
	member(f, "{\"ruleId\":", sp_lint_rules[v->id].id);
	fprintf(f, ",\"ruleIndex\":%u", (unsigned)v->id);
	member(f, ",\"level\":", sp_lint_severity_name(v->severity));
	member(f, ",\"message\":{\"text\":", v->text);
	fputs("},\"locations\":[", f);
	if (v->at.file[0]) {
		fputs("{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"", f);
		put_uri(f, v->at.file);
		fputs("\"}", f);
		if (v->at.line)
			fprintf(f, ",\"region\":{\"startLine\":%u,\"startColumn\":%u}", v->at.line,
				v->at.col ? v->at.col : 1);
		fputs("}}", f);
	}
	fputs("]}", f);
}

void sp_lint_print_sarif(const struct sp_lint *l, const char *version, FILE *f)
{
	fputs("{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
	      "sarif-schema-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{",
		f);
	member(f, "\"name\":", "sallyctl policy lint");
	member(f, ",\"version\":", version);
	fputs(",\"rules\":[", f);
	for (unsigned i = 0; i < SP_LINT__COUNT; i++) {
		fputs(i ? "," : "", f);
		sarif_rule(f, &sp_lint_rules[i]);
	}
	fputs("]}},\"columnKind\":\"unicodeCodePoints\",\"results\":[", f);
	for (uint32_t i = 0; i < l->n; i++) {
		fputs(i ? "," : "", f);
		sarif_result(f, &l->v[i]);
	}
	fputs("]}]}\n", f);
}
