#include "tools/sallyctl/local_record.h"

#include "common/record.h"
#include "tools/sallyctl/local_records.h"

#include <inttypes.h>
#include "common/banned.h"

#define UNDECIDED_MAX 32u

struct undecided {
	struct sp_judge_trace trace;
	const struct sp_snap *snap;
	bool no_arguments, no_claims, details;
	bool needs_arguments, needs_claims; ///< what was considered asks for them
	uint32_t rule[UNDECIDED_MAX], n, more;
};
struct run {
	const struct sp_line *line;
	const struct sp_snap *snap;
	const struct sp_trial_in *more;
	struct sp_trial *trial;
	uint32_t judged, differ, open;
};

/// The order of calls is not recorded: it held, unless it was why the call was refused.
static void order(struct sp_trial_in *in, const struct sp_recorded_call *c)
{
	in->order_known = true;
	if (c->reason == SP_REASON_SEQUENCE_DENIED || c->reason == SP_REASON_REVIEW_SEQUENCE)
		in->order_broken = c->detail;
	if (c->reason == SP_REASON_PURPOSE_DENIED && in->purpose.n == 0)
		in->purpose = c->detail;
}

/// The call as it was; `more` says what its record does not.
static struct sp_trial_in call_of(const struct sp_recorded_call *c, const struct sp_trial_in *more)
{
	struct sp_trial_in in = *more;

	in.agent = c->agent;
	in.tool = c->tool;
	in.scopes = c->scopes;
	in.session = c->session;
	in.upstream = c->upstream;
	in.route = c->route;
	in.history = c->history;
	in.wall_ns = c->time_ns;
	if (c->arguments.n)
		in.arguments = c->arguments;
	if (c->purpose.n)
		in.purpose = c->purpose;
	if (c->peer.n)
		in.peer = sp_judge_peer(c->peer);
	if (c->has_risk && c->history.n == 0)
		in.history = SP_LIT("calls=0"); // what is 0 is not recorded
	order(&in, c);
	return in;
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
	bool arguments, claims;

	if (line->kind == SP_TRACE_INTENT && sp_bytes_eq(line->name, SP_LIT("authorization_details")))
		u->details = u->needs_claims = u->no_claims;
	if (line->kind != SP_TRACE_CONDITION)
		return;
	arguments = u->no_arguments && (reads(line->name, "request.", "time") ||
					  reads(line->name, "mcp.tool.arguments", NULL));
	claims = u->no_claims && (reads(line->name, "jwt", NULL) ||
					reads(line->name, "agent.identity.", NULL));
	u->needs_arguments |= arguments;
	u->needs_claims |= claims;
	if (!(arguments || claims) || (u->n && u->rule[u->n - 1] == line->number))
		return;
	if (u->n == UNDECIDED_MAX)
		u->more++;
	else
		u->rule[u->n++] = line->number;
}

/// What binds the call's tool, and asks for what was not recorded.
static bool tool_undecided(const struct undecided *u, const struct sp_judge_verdict *v, unsigned i)
{
	const struct sp_snap_tool *t;
	bool arguments;

	if (v->about.tools[i] == SP_SNAP_NONE)
		return false;
	t = SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->about.tools[i]);
	arguments = t->sql.on || t->endpoint.on || t->path.parameters.n || t->max_argument_bytes;
	return (u->no_arguments && arguments) || (u->no_claims && t->require_human_initiated);
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
	if (u->details)
		puts("? authorization_details: could not be decided: the token's claims were not recorded");
	for (unsigned i = 0; i < 2; i++) {
		if (!tool_undecided(u, v, i))
			continue;
		fputs("? tool ", stdout);
		sp_local_put_text(sp_snap_str(u->snap,
			SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->about.tools[i])->name));
		puts(": could not be decided: its constraints ask for arguments or claims that were not recorded");
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
			SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->about.tools[i])->name));
		putchar('}');
		first = false;
	}
	if (u->details)
		fputs(first ? "\"authorization_details\"" : ",\"authorization_details\"", stdout);
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
static uint32_t score_of(
	const struct sp_recorded_call *was, const struct sp_judge_verdict *is, bool no_arguments)
{
	if (!no_arguments)
		return is->score;
	return sp_min(is->score + term_of(was->terms, sp_risk_term_name(SP_TERM_ARGUMENTS)), 100u);
}

/// By the constraints of its tool, too.
static bool needs_more(struct undecided *u, const struct sp_judge_verdict *v)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct sp_snap_tool *t;

		if (!tool_undecided(u, v, i))
			continue;
		t = SP_SNAP_POLICY(u->snap, tools, sp_snap_tool, v->about.tools[i]);
		u->needs_claims |= u->no_claims && t->require_human_initiated;
		u->needs_arguments |= u->no_arguments && t->judges_arguments;
	}
	return u->needs_arguments || u->needs_claims;
}

enum { SAME, DIFFERS, NOT_OURS, OPEN };

static int compare(
	const struct sp_recorded_call *was, const struct sp_judge_verdict *is, uint32_t score)
{
	if (!sp_trial_decides(was->reason))
		return NOT_OURS;
	if (was->reason != is->reason ||
		strcmp(sp_recorded_name(was->decision), sp_trial_decision(is)) != 0)
		return DIFFERS;
	return was->has_risk && was->risk != score ? DIFFERS : SAME;
}

static void print_text(const struct sp_recorded_call *was, const struct sp_local_judged *j,
	const struct undecided *u, int how)
{
	static const char *const said[] = {"the same", "DIFFERENT",
		"not comparable: policy files do not decide the reason (the gateway counts limits)"};
	const char *needs = !u->needs_claims ? "arguments" : u->needs_arguments ? "arguments and claims" : "claims";
	uint8_t buf[64];
	struct sp_out time = sp_out_init(buf, sizeof(buf));

	sp_out_time(&time, was->time_ns);
	printf("record %" PRIu64 ": agent ", was->seq);
	sp_local_put_text(was->agent);
	fputs(", tool ", stdout);
	sp_local_put_text(was->tool);
	printf(", at %.*s\n", (int)time.len, (const char *)buf);
	fwrite(j->text, 1, j->n, stdout);
	print_undecided(u, &j->full);
	printf("recorded: %s %s", sp_recorded_name(was->decision), sp_reason_info(was->reason)->name);
	if (was->has_risk)
		printf(" score %u", was->risk);
	printf("; judged: %s %s", sp_trial_decision(&j->live), sp_reason_info(j->live.reason)->name);
	if (was->has_risk)
		printf(" score %u", score_of(was, &j->live, u->no_arguments));
	if (how == OPEN)
		printf(": not decidable: needs %s\n", needs);
	else
		printf(": %s\n", said[how]);
}

static void print_json(const struct sp_recorded_call *was, const struct sp_local_judged *j,
	const struct undecided *u, int how)
{
	static const char *const equal[] = {"true", "false", "null", "null"};

	printf("{\"seq\":%" PRIu64 ",\"recorded\":{\"decision\":\"%s\",\"reason\":\"%s\"", was->seq,
		sp_recorded_name(was->decision), sp_reason_info(was->reason)->name);
	if (was->has_risk)
		printf(",\"score\":%u", was->risk);
	fputs("},\"judged\":{", stdout);
	sp_local_put_verdict(u->snap, &j->live, score_of(was, &j->live, u->no_arguments));
	printf("},\"equal\":%s,\"decidable\":%s", equal[how], how == OPEN ? "false" : "true");
	if (how == OPEN)
		printf(",\"needs\":[%s%s%s]", u->needs_arguments ? "\"arguments\"" : "",
			u->needs_arguments && u->needs_claims ? "," : "", u->needs_claims ? "\"claims\"" : "");
	put_undecided(u, &j->full);
	printf(",\"explanation\":%.*s}\n", (int)j->n, (const char *)j->text);
}

static int one(struct run *run, const struct sp_recorded_call *was)
{
	struct sp_trial_in in = call_of(was, run->more);
	struct undecided u = {.trace = {note}, .snap = run->snap,
		.no_arguments = in.arguments.n == 0 && sp_recorded_arguments_lost(was),
		.no_claims = in.claims.n == 0};
	const char *wrong = NULL;
	struct sp_local_judged j;
	int how, err = sp_trial_set(run->trial, &in, &wrong);

	if (err == -ENOMEM)
		return err;
	if (err) {
		fprintf(stderr, "sallyctl: record %" PRIu64 ": %s\n", was->seq, wrong);
		run->differ++;
		return 0;
	}
	SP_TRY(sp_local_judge(run->trial, run->line->json, &u.trace, &j));
	how = compare(was, &j.live, score_of(was, &j.live, u.no_arguments));
	if (how == DIFFERS && needs_more(&u, &j.full))
		how = OPEN;
	run->judged++;
	run->open += how == OPEN;
	run->differ += how == DIFFERS;
	(run->line->json ? print_json : print_text)(was, &j, &u, how);
	free(j.text);
	return 0;
}

static int judge(struct run *run, const struct sp_records *r)
{
	int err = sp_trial_new(run->snap, &run->trial);

	for (uint32_t i = 0; i < r->calls_n && err == 0; i++)
		err = one(run, &r->call[i]);
	sp_trial_free(run->trial);
	SP_TRY(err);
	if (!run->line->json)
		printf("%u decisions judged, %u different, %u not decidable, %u other records\n", run->judged,
			run->differ, run->open, r->others);
	if (r->calls_n == 0)
		fputs("sallyctl: there is no decision of a tools/call\n", stderr);
	if (run->differ || r->calls_n == 0)
		return -EINVAL;
	return run->open ? -ENODATA : 0;
}

int sp_local_explain_records(const struct sp_line *l, const struct sp_snap *s, const char *file,
	const struct sp_trial_in *more)
{
	struct run run = {.line = l, .snap = s, .more = more};
	struct sp_records records;
	struct sp_check check;
	int err;

	sp_check_init(&check);
	err = sp_records_load(&records, file, &check);
	sp_records_tell(&check, file, err);
	if (err == 0)
		err = judge(&run, &records);
	sp_records_done(&records);
	sp_check_done(&check);
	return err;
}
