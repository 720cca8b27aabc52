#include "bench/micro_decide.h"

#include "common/clock.h"
#include "common/windows.h"
#include "config/policy_read.h"
#include "tests/support/judge_rig.h"

#include <stdio.h>
#include "common/banned.h"

#define AGENTS 2000u
#define TOOLS 1000u
#define GRANTS 40u
#define CALLS 65536u
#define CELLS (32 * AGENTS) ///< of windows
#define ROUND 2048u ///< short, so that the scheduler spoils few of them and the median none
#define ROUNDS (16 * CALLS / ROUND)

struct call {
	char agent[16], tool[16];
};
struct bench {
	struct rig rig;
	struct sp_windows windows;
	struct call *call;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/// Allow-lists as users write them: agent number n may call the tools n, n+1, ... (modulo).
static int read_policy(struct sp_policy *p)
{
	size_t cap = AGENTS * (GRANTS * 16 + 256);
	char *text = malloc(cap);
	struct sp_check check;
	struct sp_out o;
	int err;

	if (!text)
		return -ENOMEM;
	o = sp_out_init(text, cap);
	for (uint32_t i = 0; i < AGENTS; i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s{\"tool_id\":\"agent-%05u\",\"allowed_actions\":[",
			i ? "," : "[", i);
		sp_out_bytes(&o, sp_bytes_cstr(name));
		for (uint32_t k = 0; k < GRANTS; k++) {
			snprintf(name, sizeof(name), "%s\"get_%04u\"", k ? "," : "",
				(i + k) % TOOLS);
			sp_out_bytes(&o, sp_bytes_cstr(name));
		}
		sp_out_lit(&o, "],\"rate_limits\":{\"per_minute\":16000000,\"per_hour\":16000000},"
			       "\"budget_limits\":{\"per_request_tokens\":1000,\"daily_max_"
			       "tokens\":17000000000}}");
	}
	sp_out_lit(&o, "]");
	sp_check_init(&check);
	err = o.overflow ? -ENOSPC : sp_policy_read(p, sp_bytes(text, o.len), "micro.json", &check);
	sp_check_done(&check);
	free(text);
	return err;
}

static void make_calls(struct call *call)
{
	uint64_t state = 88172645463325252ull;

	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t agent = (uint32_t)(next_random(&state) >> 16) % AGENTS;
		uint32_t tool = (uint32_t)(agent + (next_random(&state) >> 16) % GRANTS) % TOOLS;

		snprintf(call[i].agent, sizeof(call[i].agent), "agent-%05u", agent);
		snprintf(call[i].tool, sizeof(call[i].tool), "get_%04u", tool);
	}
}

/// As a worker does: who, all of the judge's questions, the limits that bind, their windows.
static bool decide(struct bench *b, const struct call *c, uint64_t now_ns)
{
	static const struct sp_judge_history past = {.tool_calls = 100};
	struct sp_judge_call call = b->rig.call;
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	struct sp_window_ask ask[SP_JUDGE_LIMITS_MAX];
	struct sp_judge_verdict v;
	uint64_t retry_ms;
	unsigned refused;
	uint32_t n;

	call.agent = sp_snap_find_agent(&b->rig.snap, sp_bytes_cstr(c->agent));
	call.tool = sp_bytes_cstr(c->tool);
	call.history = &past;
	if (call.agent == SP_SNAP_NONE || sp_judge(&call, &v) != SP_REASON_NONE)
		return false;
	n = sp_judge_limits(&call, &v, limit, SP_JUDGE_LIMITS_MAX);
	for (uint32_t i = 0; i < n; i++)
		ask[i] = (struct sp_window_ask){limit[i].key, limit[i].kind, limit[i].per,
			limit[i].kind == SP_LIMIT_TOKENS ? 10 : 1, limit[i].max, 0};
	return n == 4 && sp_windows_take(&b->windows, NULL, ask, n, now_ns, &refused, &retry_ms) == 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(struct bench *b)
{
	static double ns[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		const struct call *c = b->call + r * ROUND % CALLS;
		uint64_t t0 = sp_clock_boot_ns();
		uint32_t passed = 0;

		for (uint32_t i = 0; i < ROUND; i++)
			passed += decide(b, &c[i], t0);
		ns[r] = (double)(sp_clock_boot_ns() - t0) / ROUND;
		if (passed != ROUND)
			return -1;
	}
	qsort(ns, ROUNDS, sizeof(*ns), by_value);
	return ns[ROUNDS / 2];
}

double sp_bench_decide_ns(void)
{
	size_t bytes = sp_windows_bytes(CELLS);
	void *table = aligned_alloc(SP_CACHE_LINE, bytes);
	static struct bench b;
	double ns = -1;

	b.call = calloc(CALLS, sizeof(*b.call));
	rig_init(&b.rig);
	if (table && b.call && read_policy(b.rig.p) == 0) {
		memset(table, 0, bytes);
		rig_publish(&b.rig);
		rig_call(&b.rig, "agent-00000", "get_0000",
			"{\"arguments\":{\"customer_id\":\"C-1003\"}}");
		make_calls(b.call);
		if (sp_windows_attach(table, bytes, CELLS, SP_NS_PER_SEC, &b.windows) == 0)
			ns = measure(&b);
	}
	rig_done(&b.rig);
	free(b.call);
	free(table);
	return ns;
}
