#include "config/judge/explain.h"
#include "common/banned.h"

const char *sp_trace_kind_name(enum sp_trace_kind k)
{
	static const char *const names[] = {
		"", [SP_TRACE_RULE] = "rule", [SP_TRACE_CONDITION] = "condition",
		[SP_TRACE_TOOL] = "tool", [SP_TRACE_INTENT] = "intent", [SP_TRACE_LIMIT] = "limit",
		[SP_TRACE_ARGUMENT] = "argument", [SP_TRACE_SEQUENCE] = "sequence",
		[SP_TRACE_TERM] = "term", [SP_TRACE_VERDICT] = "verdict"};

	return k < SP_ARRAY_LEN(names) ? names[k] : "";
}

static void number(struct sp_out *out, int32_t v)
{
	if (v < 0)
		sp_out_lit(out, "-");
	sp_out_u64(out, v < 0 ? 0u - (uint32_t)v : (uint32_t)v);
}

/// Control characters would let a value draw on the reader's terminal.
static void plain(struct sp_out *out, struct sp_bytes s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < ' ' || s.p[i] == 0x7f)
			sp_out_lit(out, "?");
		else
			sp_out_put(out, &s.p[i], 1);
	}
}

static struct sp_bytes mark(const struct sp_trace_line *l)
{
	switch (l->kind) {
	case SP_TRACE_TERM:
		return l->points ? SP_LIT("+") : SP_LIT(" ");
	case SP_TRACE_RULE:
		return l->holds ? SP_LIT("*") : SP_LIT(" ");
	case SP_TRACE_LIMIT:
		return SP_LIT(" ");
	default:
		return l->holds ? SP_LIT("+") : SP_LIT("-");
	}
}

static void add_text(struct sp_explain *e, const struct sp_trace_line *l)
{
	struct sp_out *out = e->out;

	sp_out_bytes(out, mark(l));
	sp_out_lit(out, " ");
	sp_out_bytes(out, sp_bytes_cstr(sp_trace_kind_name(l->kind)));
	sp_out_lit(out, " ");
	plain(out, l->name);
	if (l->kind == SP_TRACE_TERM) {
		sp_out_lit(out, " ");
		number(out, l->points);
	}
	if (l->source.n) {
		sp_out_lit(out, " [");
		plain(out, l->source);
		sp_out_lit(out, ":");
		sp_out_u64(out, l->line);
		sp_out_lit(out, "]");
	}
	sp_out_lit(out, ": ");
	plain(out, l->text);
	sp_out_lit(out, "\n");
}

static void member(struct sp_out *out, const char *key, struct sp_bytes value)
{
	sp_out_lit(out, ",\"");
	sp_out_bytes(out, sp_bytes_cstr(key));
	sp_out_lit(out, "\":\"");
	sp_out_json_escaped(out, value);
	sp_out_lit(out, "\"");
}

static void add_json(struct sp_explain *e, const struct sp_trace_line *l)
{
	struct sp_out *out = e->out;

	if (e->lines)
		sp_out_lit(out, ",");
	sp_out_lit(out, "{\"kind\":\"");
	sp_out_bytes(out, sp_bytes_cstr(sp_trace_kind_name(l->kind)));
	sp_out_lit(out, "\"");
	member(out, "name", l->name);
	sp_out_bytes(out, l->holds ? SP_LIT(",\"holds\":true") : SP_LIT(",\"holds\":false"));
	if (l->number != SP_SNAP_NONE) {
		sp_out_lit(out, ",\"number\":");
		sp_out_u64(out, l->number);
	}
	if (l->kind == SP_TRACE_TERM || l->kind == SP_TRACE_VERDICT) {
		sp_out_lit(out, ",\"points\":");
		number(out, l->points);
	}
	if (l->source.n) {
		member(out, "source", l->source);
		sp_out_lit(out, ",\"line\":");
		sp_out_u64(out, l->line);
	}
	member(out, "text", l->text);
	sp_out_lit(out, "}");
}

static void add(struct sp_judge_trace *t, const struct sp_trace_line *line)
{
	struct sp_explain *e = sp_container_of(t, struct sp_explain, trace);

	if (e->json)
		add_json(e, line);
	else
		add_text(e, line);
	e->lines++;
}

void sp_explain_begin(struct sp_explain *e, struct sp_out *out, bool json)
{
	*e = (struct sp_explain){.trace = {add}, .out = out, .json = json};
	if (json)
		sp_out_lit(out, "[");
}

void sp_explain_end(struct sp_explain *e)
{
	if (e->json)
		sp_out_lit(e->out, "]");
}
