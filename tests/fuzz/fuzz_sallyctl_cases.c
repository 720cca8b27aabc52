/// Case files of any bytes: what is read is judged by a small policy.
#include "config/compile.h"
#include "config/policy_read.h"
#include "tools/sallyctl/cases.h"

#include "common/banned.h"

static const char policy[] =
	"version: 1\n"
	"agents: [{name: bot, roles: [support]}]\n"
	"tools: [{name: fetch, taints: true}, {name: query, sql: {dialect: postgres, styles: [select]}}]\n"
	"rules:\n"
	"  - {name: small, effect: allow, agents: [bot], tools: [pay], when: [request.sum < 100]}\n"
	"  - {name: rest, effect: allow, agents: [bot], tools: [read_*, fetch, query, mail]}\n"
	"sequences: [{name: no leak, kind: forbid-after-taint, then: [mail]}]\n"
	"risk: {mode: mixed}\n";

static struct sp_trial *trial(void)
{
	static struct sp_trial *ret;
	static struct sp_snap snap;
	static uint8_t *blob;
	struct sp_compile_in in = {.generation = 1};
	struct sp_check check;
	struct sp_policy *p;
	size_t n;

	if (ret)
		return ret;
	sp_check_init(&check);
	if (sp_policy_new(&p) < 0 ||
		sp_policy_read(p, sp_bytes_cstr(policy), "p.yaml", &check) < 0 ||
		sp_policy_seal_in(p, &check) < 0)
		abort();
	in.policy = p;
	if (sp_compile(&in, &check, &blob, &n) < 0 || sp_snap_open(blob, n, &snap) < 0 ||
		sp_trial_new(&snap, &ret) < 0)
		abort();
	sp_policy_free(p);
	sp_check_done(&check);
	return ret;
}

static void judge_twice(const struct sp_case *c)
{
	struct sp_judge_verdict first, again;
	const char *wrong;

	if (sp_trial_set(trial(), &c->in, &wrong) < 0)
		return;
	sp_trial_judge(trial(), NULL, &first);
	sp_trial_judge(trial(), NULL, &again);
	if (first.reason != again.reason || first.score != again.score ||
		memcmp(first.term, again.term, sizeof(first.term)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sp_check check;
	struct sp_cases c;

	sp_check_init(&check);
	if (sp_cases_read(sp_bytes(data, n), "cases.yaml", &check, &c) == 0) {
		for (uint32_t i = 0; i < c.n; i++)
			judge_twice(&c.v[i]);
		sp_cases_done(&c);
	} else if (sp_check_ok(&check)) {
		abort();
	}
	sp_check_done(&check);
	return 0;
}
