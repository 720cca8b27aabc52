#include "tools/sallyctl/local_record.h"

#include "config/arena.h"
#include "tools/sallyctl/local_files.h"

#include <inttypes.h>
#include "common/banned.h"

#define FILE_MAX (64u << 20)
#define DEPTH_MAX 8u
#define UNDECIDED_MAX 32u

struct undecided {
	struct sp_judge_trace trace;
	const struct sp_snap *snap;
	bool no_arguments, no_claims;
	uint32_t rule[UNDECIDED_MAX], n, more;
};
struct record {
	const struct sp_json *doc;
	uint32_t obj;
	struct sp_arena *arena;
};
/// What was recorded of the verdict.
struct verdict {
	struct sp_bytes decision, reason, terms;
	int64_t score; ///< -1 = not scored
};
struct run {
	const struct sp_line *line;
	const struct sp_snap *snap;
	const struct sp_trial_in *more;
	struct sp_trial *trial;
	struct sp_json_tok *tok;
	uint32_t cap, judged, differ, passed_over;
};


/// A member's text, or none.
static int member(const struct record *r, const char *name, struct sp_bytes *ret)
{
	uint32_t t = sp_json_get(r->doc, r->obj, sp_bytes_cstr(name));
	size_t cap;
	uint8_t *buf;

	*ret = SP_NOBYTES;
	if (sp_json_type(r->doc, t) != SP_JSON_STRING)
		return 0;
	cap = sp_json_span(r->doc, t).n + 1;
	buf = sp_arena_alloc(r->arena, cap);
	if (!buf)
		return -ENOMEM;
	return sp_json_str(r->doc, t, buf, cap, ret);
}

static int64_t number(const struct record *r, const char *name)
{
	uint32_t t = sp_json_get(r->doc, r->obj, sp_bytes_cstr(name));
	int64_t v;

	return t != SP_JSON_NONE && sp_json_i64(r->doc, t, &v) == 0 && v >= 0 ? v : -1;
}

/// An address as conditions see it: without port and brackets.
static struct sp_bytes without_port(struct sp_bytes peer)
{
	size_t n = peer.n;

	while (n > 0 && peer.p[n - 1] != ':')
		n--;
	if (n < 2)
		return peer;
	n--;
	if (n > 2 && peer.p[0] == '[' && peer.p[n - 1] == ']')
		return sp_bytes(peer.p + 1, n - 2);
	return sp_bytes(peer.p, n);
}

/// The order of calls is not recorded: it held, unless it was why the call was refused.
static void order(struct sp_trial_in *in, const struct verdict *v, struct sp_bytes detail)
{
	in->order_known = true;
	if (sp_bytes_eq(v->reason, SP_LIT("sequence_denied")) ||
		sp_bytes_eq(v->reason, SP_LIT("sequence_review")))
		in->order_broken = detail;
	if (sp_bytes_eq(v->reason, SP_LIT("purpose_denied")) && in->purpose.n == 0)
		in->purpose = detail;
}

static int read_verdict(const struct record *r, struct verdict *ret)
{
	SP_TRY(member(r, "decision", &ret->decision));
	SP_TRY(member(r, "reason", &ret->reason));
	SP_TRY(member(r, "terms", &ret->terms));
	ret->score = number(r, "risk");
	return 0;
}

static int read_time(const struct record *r, uint64_t *ret)
{
	struct sp_bytes time;
	char text[64];

	SP_TRY(member(r, "time", &time));
	if (time.n >= sizeof(text))
		return -EINVAL;
	snprintf(text, sizeof(text), "%.*s", SP_FMT(time));
	return sp_time_parse(text, 0, ret);
}

static int read_call(const struct record *r, const struct verdict *v, struct sp_trial_in *in)
{
	const struct {
		const char *name;
		struct sp_bytes *ret;
	} texts[] = {{"agent", &in->agent}, {"tool", &in->tool}, {"scopes", &in->scopes},
		{"session", &in->session}, {"upstream", &in->upstream}, {"route", &in->route},
		{"history", &in->history}};
	struct sp_bytes arguments, purpose, peer, detail;

	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++)
		SP_TRY(member(r, texts[i].name, texts[i].ret));
	SP_TRY(member(r, "arguments", &arguments));
	SP_TRY(member(r, "purpose", &purpose));
	SP_TRY(member(r, "peer", &peer));
	SP_TRY(member(r, "detail", &detail));
	SP_TRY(read_time(r, &in->wall_ns));
	if (arguments.n)
		in->arguments = arguments;
	if (purpose.n)
		in->purpose = purpose;
	if (peer.n)
		in->peer = without_port(peer);
	if (v->score >= 0 && in->history.n == 0)
		in->history = SP_LIT("calls=0"); // what is 0 is not recorded
	order(in, v, detail);
	return 0;
}

static bool reads(struct sp_bytes text, const char *what, const char *but)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= text.n; i++) {
		struct sp_bytes rest = sp_bytes(text.p + i + n, text.n - i - n);

		if (memcmp(text.p + i, what, n) == 0 &&
			!(but && sp_bytes_starts(rest, sp_bytes_cstr(but))))
			return true;
	}
	return false;
}

/// A condition that asks for what was not recorded; by its text, so that has() counts, too.
static void note(struct sp_judge_trace *t, const struct sp_trace_line *line)
{
	struct undecided *u = sp_container_of(t, struct undecided, trace);
	bool asks;

	if (line->kind != SP_TRACE_CONDITION)
		return;
	asks = u->no_arguments && (reads(line->name, "request.", "time") ||
					  reads(line->name, "mcp.tool.arguments", NULL));
	asks |= u->no_claims && (reads(line->name, "jwt", NULL) ||
					reads(line->name, "agent.identity.", NULL));
	if (!asks || (u->n && u->rule[u->n - 1] == line->number))
		return;
	if (u->n == UNDECIDED_MAX)
		u->more++;
	else
		u->rule[u->n++] = line->number;
}

/// Constraints on arguments of the call's tool.
static bool tool_undecided(const struct undecided *u, const struct sp_judge_verdict *v, unsigned i)
{
	const struct sp_snap_tool *t;

	if (!u->no_arguments || v->tools[i] == SP_SNAP_NONE)
		return false;
	t = SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->tools[i]);
	return t->sql.on || t->endpoint.on || t->path.parameters.n || t->max_argument_bytes;
}

static struct sp_bytes rule_name(const struct sp_snap *s, uint32_t rule)
{
	return sp_snap_str(s, SP_SNAP_POLICY(s, rules, sp_snap_rule, rule)->name);
}

static void print_undecided(const struct undecided *u, const struct sp_judge_verdict *v)
{
	for (uint32_t i = 0; i < u->n; i++) {
		fputs("? rule ", stdout);
		sp_local_put_text(rule_name(u->snap, u->rule[i]));
		puts(": could not be decided: it asks for arguments or claims that were not recorded");
	}
	if (u->more)
		printf("? and %u more rules\n", u->more);
	for (unsigned i = 0; i < 2; i++) {
		if (!tool_undecided(u, v, i))
			continue;
		fputs("? tool ", stdout);
		sp_local_put_text(sp_snap_str(u->snap,
			SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->tools[i])->name));
		puts(": could not be decided: the arguments it constrains were not recorded");
	}
}

static void put_undecided(const struct undecided *u, const struct sp_judge_verdict *v)
{
	bool first = true;

	fputs(",\"undecided\":[", stdout);
	for (uint32_t i = 0; i < u->n; i++, first = false) {
		fputs(first ? "{\"rule\":" : ",{\"rule\":", stdout);
		sp_local_put_json(rule_name(u->snap, u->rule[i]));
		putchar('}');
	}
	for (unsigned i = 0; i < 2; i++) {
		if (!tool_undecided(u, v, i))
			continue;
		fputs(first ? "{\"tool\":" : ",{\"tool\":", stdout);
		sp_local_put_json(sp_snap_str(u->snap,
			SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->tools[i])->name));
		putchar('}');
		first = false;
	}
	fputs("]", stdout);
}

/// Points of `name` in recorded terms: "class=20 arguments=10".
static uint32_t term_of(struct sp_bytes terms, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n < terms.n; i++) {
		uint32_t v = 0;

		if ((i && terms.p[i - 1] != ' ') || memcmp(terms.p + i, name, n) != 0 ||
			terms.p[i + n] != '=')
			continue;
		for (i += n + 1; i < terms.n && terms.p[i] >= '0' && terms.p[i] <= '9' && v < 1000; i++)
			v = v * 10 + terms.p[i] - '0';
		return v;
	}
	return 0;
}

/// What signals in arguments added is taken from the record when they are not there to look at.
static uint32_t score_of(const struct verdict *was, const struct sp_judge_verdict *is, bool no_arguments)
{
	if (!no_arguments)
		return is->score;
	return sp_min(is->score + term_of(was->terms, sp_risk_term_name(SP_TERM_ARGUMENTS)), 100u);
}

enum { SAME, DIFFERS, NOT_OURS };

static int compare(const struct verdict *was, const struct sp_judge_verdict *is, uint32_t score)
{
	enum sp_reason reason;

	if (sp_reason_find(was->reason, &reason) < 0 || !sp_trial_decides(reason))
		return NOT_OURS;
	if (reason != is->reason ||
		!sp_bytes_eq(was->decision, sp_bytes_cstr(sp_trial_decision(is))))
		return DIFFERS;
	return was->score >= 0 && (uint64_t)was->score != score ? DIFFERS : SAME;
}

static void print_head(const struct record *r, const struct sp_trial_in *in)
{
	uint32_t time = sp_json_get(r->doc, r->obj, SP_LIT("time"));

	if (number(r, "seq") >= 0)
		printf("record %" PRId64 ": ", number(r, "seq"));
	fputs("agent ", stdout);
	sp_local_put_text(in->agent);
	fputs(", tool ", stdout);
	sp_local_put_text(in->tool);
	printf(", at %.*s\n", SP_FMT(sp_json_span(r->doc, time)));
}

static void print_text(const struct record *r, const struct sp_trial_in *in, const struct verdict *was,
	const struct sp_local_judged *j, const struct undecided *u, int how)
{
	static const char *const said[] = {"the same", "DIFFERENT",
		"not comparable: the reason is not decided by policy files (limits are counted by the "
		"gateway)"};
	uint32_t score = score_of(was, &j->live, u->no_arguments);

	print_head(r, in);
	fwrite(j->text, 1, j->n, stdout);
	print_undecided(u, &j->full);
	fputs("recorded: ", stdout);
	sp_local_put_text(was->decision);
	putchar(' ');
	sp_local_put_text(was->reason);
	if (was->score >= 0)
		printf(" score %" PRId64, was->score);
	printf("; judged: %s %s", sp_trial_decision(&j->live), sp_reason_info(j->live.reason)->name);
	if (was->score >= 0)
		printf(" score %u", score);
	printf(": %s\n", said[how]);
}

static void print_json(const struct sp_snap *s, const struct record *r, const struct verdict *was,
	const struct sp_local_judged *j, const struct undecided *u, int how)
{
	static const char *const equal[] = {"true", "false", "null"};

	printf("{\"seq\":%" PRId64 ",\"recorded\":{\"decision\":", number(r, "seq"));
	sp_local_put_json(was->decision);
	fputs(",\"reason\":", stdout);
	sp_local_put_json(was->reason);
	if (was->score >= 0)
		printf(",\"score\":%" PRId64, was->score);
	fputs("},\"judged\":{", stdout);
	sp_local_put_verdict(s, &j->live, score_of(was, &j->live, u->no_arguments));
	printf("},\"equal\":%s", equal[how]);
	put_undecided(u, &j->full);
	printf(",\"explanation\":%.*s}\n", (int)j->n, (const char *)j->text);
}

static int judge(struct run *run, const struct record *r, const struct sp_trial_in *in,
	const struct verdict *was)
{
	struct undecided u = {.trace = {note}, .snap = run->snap,
		.no_arguments = in->arguments.n == 0 && number(r, "arguments_bytes") > 0,
		.no_claims = in->claims.n == 0};
	const char *wrong = NULL;
	struct sp_local_judged j;
	int how;

	if (sp_trial_set(run->trial, in, &wrong) < 0) {
		fprintf(stderr, "sallyctl: record %" PRId64 ": %s\n", number(r, "seq"), wrong);
		run->differ++;
		return 0;
	}
	SP_TRY(sp_local_judge(run->trial, run->line->json, &u.trace, &j));
	how = compare(was, &j.live, score_of(was, &j.live, u.no_arguments));
	run->judged++;
	run->differ += how == DIFFERS;
	if (run->line->json)
		print_json(run->snap, r, was, &j, &u, how);
	else
		print_text(r, in, was, &j, &u, how);
	free(j.text);
	return 0;
}

static bool wanted(const struct record *r)
{
	const struct sp_json *d = r->doc;

	return sp_json_type(d, r->obj) == SP_JSON_OBJECT &&
	       sp_json_str_eq(d, sp_json_get(d, r->obj, SP_LIT("type")), SP_LIT("decision")) &&
	       sp_json_str_eq(d, sp_json_get(d, r->obj, SP_LIT("method")), SP_LIT("tools/call"));
}

static int one(struct run *run, const struct sp_json *doc, uint32_t obj)
{
	struct sp_arena arena;
	struct record r = {doc, obj, &arena};
	struct sp_trial_in in = *run->more;
	struct verdict was = {0};
	int err;

	if (!wanted(&r)) {
		run->passed_over++;
		return 0;
	}
	sp_arena_init(&arena);
	err = read_verdict(&r, &was);
	if (err == 0)
		err = read_call(&r, &was, &in);
	if (err == 0) {
		err = judge(run, &r, &in, &was);
	} else if (err != -ENOMEM) {
		fprintf(stderr, "sallyctl: record %" PRId64 " cannot be read\n", number(&r, "seq"));
		run->differ++;
		err = 0;
	}
	sp_arena_done(&arena);
	return err;
}

static int document(struct run *run, struct sp_bytes text, unsigned line)
{
	struct sp_json_error e;
	struct sp_json doc;
	uint32_t t;

	if (sp_json_scan(text, DEPTH_MAX, run->tok, run->cap, &doc, &e) < 0) {
		fprintf(stderr, "sallyctl: line %u is no record: %s\n", line, e.what);
		return -EINVAL;
	}
	if (sp_json_type(&doc, 0) != SP_JSON_ARRAY)
		return one(run, &doc, 0);
	t = sp_json_first(&doc, 0);
	for (uint32_t i = 0; i < doc.tok[0].count; i++, t = doc.tok[t].next)
		SP_TRY(one(run, &doc, t));
	return 0;
}

/// One document, or one a line.
static int documents(struct run *run, struct sp_bytes text)
{
	unsigned line = 1;
	struct sp_json doc;

	if (sp_json_scan(text, DEPTH_MAX, run->tok, run->cap, &doc, NULL) == 0)
		return document(run, text, 1);
	for (size_t at = 0; at < text.n; line++) {
		const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
		size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
		struct sp_bytes s = sp_bytes(text.p + at, n);

		at += n + 1;
		while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' '))
			s.n--;
		if (s.n)
			SP_TRY(document(run, s, line));
	}
	return 0;
}

static int finish(const struct run *run)
{
	if (!run->line->json)
		printf("%u decisions judged, %u different, %u other records\n", run->judged,
			run->differ, run->passed_over);
	if (run->judged + run->differ == 0)
		fputs("sallyctl: there is no decision of a tools/call\n", stderr);
	return run->differ || run->judged == 0 ? -EINVAL : 0;
}

int sp_local_explain_records(const struct sp_line *l, const struct sp_snap *s, const char *file,
	const struct sp_trial_in *more)
{
	struct run run = {.line = l, .snap = s, .more = more};
	uint8_t *text;
	size_t n;
	int err = sp_local_read(file, FILE_MAX, &text, &n);

	if (err) {
		fprintf(stderr, "sallyctl: %s: %s\n", file, strerror(-err));
		return err == -ENOMEM ? -EINVAL : err;
	}
	run.cap = (uint32_t)n / 2 + 16;
	run.tok = malloc((size_t)run.cap * sizeof(*run.tok));
	err = run.tok ? sp_trial_new(s, &run.trial) : -ENOMEM;
	if (err == 0)
		err = documents(&run, sp_bytes(text, n));
	if (err == 0)
		err = finish(&run);
	sp_trial_free(run.trial);
	free(run.tok);
	free(text);
	return err;
}
