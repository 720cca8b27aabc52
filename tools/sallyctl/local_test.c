/// `policy test`: cases judged by policy files, and which rules decided any of them.
#include "tools/sallyctl/local.h"

#include "config/load.h"
#include "tools/sallyctl/cases.h"
#include "tools/sallyctl/local_files.h"
#include "tools/sallyctl/local_trial.h"
#include "common/banned.h"

#define FILE_MAX SP_YAML_MAX

struct run {
	const struct sp_line *line;
	const struct sp_snap *snap;
	struct sp_trial *trial;
	bool *decided; ///< by rule
	uint32_t passed, failed, skipped;
};

static void none(struct sp_judge_trace *t, const struct sp_trace_line *line)
{
	(void)t;
	(void)line;
}

static struct sp_bytes rule_of(const struct run *r, const struct sp_judge_verdict *v)
{
	if (v->rule == SP_SNAP_NONE)
		return SP_NOBYTES;
	return sp_snap_str(r->snap, SP_SNAP_POLICY(r->snap, rules, sp_snap_rule, v->rule)->name);
}

/// What differs, each separated from the one before.
struct differs {
	char text[1024];
	struct sp_out out;
	bool any;
};

static void differ(struct differs *d, const char *what, struct sp_bytes is, const char *wanted)
{
	if (d->any)
		sp_out_lit(&d->out, "; ");
	d->any = true;
	sp_out_bytes(&d->out, sp_bytes_cstr(what));
	sp_out_lit(&d->out, " is ");
	sp_out_bytes(&d->out, is.n ? is : SP_LIT("none"));
	sp_out_lit(&d->out, ", not ");
	sp_out_bytes(&d->out, sp_bytes_cstr(wanted));
}

static void differ_word(struct differs *d, const char *what, struct sp_bytes is, const char *wanted)
{
	if (wanted && !sp_bytes_eq(is, sp_bytes_cstr(wanted)))
		differ(d, what, is, wanted);
}

static void compare(
	const struct run *r, const struct sp_case *c, const struct sp_judge_verdict *v, struct differs *d)
{
	char is[16], wanted[48];

	differ_word(d, "decision", sp_bytes_cstr(sp_trial_decision(v)), c->expect.decision);
	differ_word(d, "reason", sp_bytes_cstr(sp_reason_info(v->reason)->name), c->expect.reason);
	differ_word(d, "rule", rule_of(r, v), c->expect.rule);
	if (!c->expect.score ||
		(v->score >= c->expect.score_min && v->score <= c->expect.score_max))
		return;
	snprintf(is, sizeof(is), "%u", v->score);
	if (c->expect.score_min == c->expect.score_max)
		snprintf(wanted, sizeof(wanted), "%u", c->expect.score_min);
	else
		snprintf(wanted, sizeof(wanted), "from %u to %u", c->expect.score_min,
			c->expect.score_max);
	differ(d, "score", sp_bytes_cstr(is), wanted);
}

static void print_case(const struct run *r, const struct sp_case *c, const char *result,
	const struct sp_judge_verdict *v, struct sp_bytes why)
{
	if (!r->line->json) {
		printf("%-7s ", strcmp(result, "failed") == 0 ? "FAILED" : result);
		sp_local_put_text(sp_bytes_cstr(c->name));
		if (why.n) {
			printf(" [%s:%u]: ", c->at.file, c->at.line);
			sp_local_put_text(why);
		}
		puts("");
		return;
	}
	fputs("{\"name\":", stdout);
	sp_local_put_json(sp_bytes_cstr(c->name));
	fputs(",\"file\":", stdout);
	sp_local_put_json(sp_bytes_cstr(c->at.file));
	printf(",\"line\":%u,\"result\":\"%s\",\"why\":", c->at.line, result);
	sp_local_put_json(why);
	if (v) {
		fputs(",", stdout);
		sp_local_put_verdict(r->snap, v, v->score);
	}
	puts("}");
}

static int run_case(struct run *r, const struct sp_case *c)
{
	struct sp_judge_trace trace = {none};
	struct sp_judge_verdict v;
	struct differs d = {.any = false};
	const char *wrong = NULL;
	int err;

	if (c->skip) {
		r->skipped++;
		print_case(r, c, "skipped", NULL, sp_bytes_cstr(c->skip));
		return 0;
	}
	err = sp_trial_set(r->trial, &c->in, &wrong);
	if (err == -ENOMEM)
		return err;
	if (err) {
		r->failed++;
		print_case(r, c, "failed", NULL, sp_bytes_cstr(wrong));
		return 0;
	}
	sp_trial_judge(r->trial, &trace, &v);
	if (v.rule != SP_SNAP_NONE)
		r->decided[v.rule] = true;
	d.out = sp_out_init(d.text, sizeof(d.text));
	compare(r, c, &v, &d);
	*(d.any ? &r->failed : &r->passed) += 1;
	print_case(r, c, d.any ? "failed" : "passed", &v, sp_bytes(d.text, d.out.len));
	return 0;
}

static int run_file(struct run *r, const char *file)
{
	struct sp_cases cases;
	struct sp_check check;
	uint8_t *text;
	size_t n;
	int err = sp_local_read(file, FILE_MAX, &text, &n);

	if (err) {
		fprintf(stderr, "sallyctl: %s: %s\n", file, sp_load_why(err));
		return err;
	}
	sp_check_init(&check);
	err = sp_cases_read(sp_bytes(text, n), file, &check, &cases);
	free(text);
	sp_local_problems(&check);
	sp_check_done(&check);
	SP_TRY(err);
	for (uint32_t i = 0; i < cases.n && err == 0; i++)
		err = run_case(r, &cases.v[i]);
	sp_cases_done(&cases);
	return err;
}

static void print_rule(const struct run *r, uint32_t i, bool first)
{
	const struct sp_snap_rule *rule = SP_SNAP_POLICY(r->snap, rules, sp_snap_rule, i);

	if (!r->line->json) {
		fputs("  never decided: ", stdout);
		sp_local_put_text(sp_snap_str(r->snap, rule->name));
		printf(" [%.*s:%u]\n", SP_FMT(sp_snap_str(r->snap, rule->source)), rule->line);
		return;
	}
	fputs(first ? "{\"name\":" : ",{\"name\":", stdout);
	sp_local_put_json(sp_snap_str(r->snap, rule->name));
	fputs(",\"source\":", stdout);
	sp_local_put_json(sp_snap_str(r->snap, rule->source));
	printf(",\"line\":%u}", rule->line);
}

/// Whether enough rules decided a case: `percent` of them, -1 = any number will do.
static bool coverage(const struct run *r, int percent)
{
	uint32_t n = r->snap->h->policy.rules.n, hit = 0, is;
	bool first = true;

	for (uint32_t i = 0; i < n; i++)
		hit += r->decided[i];
	is = n ? (uint32_t)((uint64_t)hit * 100 / n) : 100;
	if (r->line->json)
		printf("{\"rules\":%u,\"decided\":%u,\"coverage\":%u,\"never\":[", n, hit, is);
	else
		printf("%u of %u rules decided a case: %u %%\n", hit, n, is);
	for (uint32_t i = 0; i < n; i++) {
		if (r->decided[i])
			continue;
		print_rule(r, i, first);
		first = false;
	}
	if (r->line->json)
		puts("]}");
	if (percent < 0 || is >= (uint32_t)percent)
		return true;
	fprintf(stderr, "sallyctl: coverage is %u %%, below %d %%\n", is, percent);
	return false;
}

static int run_all(struct run *r, const char *const *file, int n, int percent)
{
	bool well = true;
	int err;

	r->decided = calloc((size_t)r->snap->h->policy.rules.n + 1, sizeof(*r->decided));
	if (!r->decided || sp_trial_new(r->snap, &r->trial) < 0) {
		fprintf(stderr, "sallyctl: %s\n", strerror(ENOMEM));
		return SP_CTL_REFUSED;
	}
	for (int i = 0; i < n; i++) {
		err = run_file(r, file[i]);
		well = well && err == 0;
	}
	well = coverage(r, percent) && well;
	printf(r->line->json ? "{\"passed\":%u,\"failed\":%u,\"skipped\":%u}\n"
			     : "%u passed, %u failed, %u skipped\n",
		r->passed, r->failed, r->skipped);
	return !well || r->failed || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}

static int usage(const char *what)
{
	fprintf(stderr, "sallyctl: %s; see 'sallyctl help policy test'\n", what);
	return SP_CTL_USAGE;
}

int sp_local_policy_test(const struct sp_line *l)
{
	const char *file[SP_ARRAY_LEN(l->argv)], *policy[SP_ARRAY_LEN(l->argv)];
	const char *require = NULL;
	int policies = 0;
	const struct sp_local_option option[] = {
		{"policy", policy, &policies}, {"require-coverage", &require, NULL}};
	struct run r = {.line = l};
	uint64_t percent = 0;
	struct sp_snap snap;
	uint8_t *blob;
	int n = sp_local_options(l, option, SP_ARRAY_LEN(option), file), code;

	if (n < 0)
		return SP_CTL_USAGE;
	if (n == 0)
		return usage("policy test needs a file of cases");
	if (policies == 0)
		return usage("policy test needs --policy, a policy file or folder");
	if (require && (sp_bytes_u64(sp_bytes_cstr(require), &percent) < 0 || percent > 100))
		return usage("--require-coverage takes a percentage from 0 to 100");
	if (sp_local_snapshot(policy, policies, &blob, &snap) < 0)
		return SP_CTL_REFUSED;
	r.snap = &snap;
	code = run_all(&r, file, n, require ? (int)percent : -1);
	sp_trial_free(r.trial);
	free(r.decided);
	free(blob);
	return code;
}
