#include "bench/micro_decide.h"

#include "common/clock.h"
#include "common/windows.h"
#include "config/snapshot_build.h"

#include <stdio.h>
#include "common/banned.h"

#define AGENTS 10000u
#define ACTIONS 1000u
#define CALLS 65536u
#define CELLS (8 * AGENTS) ///< of windows
#define ROUND 2048u ///< short, so that the scheduler spoils few of them and the median none
#define ROUNDS (16 * CALLS / ROUND)

struct call {
	char agent[16], action[16];
	uint8_t agent_n, action_n;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint8_t agent_name(char name[16], uint32_t i)
{
	return (uint8_t)snprintf(name, 16, "agent-%05u", i % AGENTS);
}

static uint8_t action_name(char name[16], uint32_t i)
{
	return (uint8_t)snprintf(name, 16, "tool_%04u", i % ACTIONS);
}

/// Agent i may call the tools of its own parity.
static uint8_t *make_snapshot(size_t *ret_n)
{
	static char agent_text[AGENTS][16], action_text[ACTIONS][16];
	static struct sp_snap_in_agent agents[AGENTS];
	static struct sp_bytes actions[ACTIONS];
	static uint32_t grants[2][ACTIONS / 2];
	struct sp_snap_in in = {.profile = SP_LIT("production"),
		.agents = agents,
		.agents_n = AGENTS,
		.actions = {actions, ACTIONS}};
	uint8_t *blob;

	for (uint32_t i = 0; i < ACTIONS; i++) {
		actions[i] = sp_bytes(action_text[i], action_name(action_text[i], i));
		grants[i % 2][i / 2] = i;
	}
	for (uint32_t i = 0; i < AGENTS; i++)
		agents[i] = (struct sp_snap_in_agent){
			.name = sp_bytes(agent_text[i], agent_name(agent_text[i], i)),
			.limit_slot = i,
			.per_minute = SP_LIMIT_CALLS_MAX,
			.per_hour = SP_LIMIT_CALLS_MAX,
			.daily_tokens = SP_LIMIT_TOKENS_MAX,
			.actions = grants[i % 2],
			.actions_n = ACTIONS / 2,
		};
	return sp_snap_build(&in, &blob, ret_n) == 0 ? blob : NULL;
}

static void make_calls(struct call *calls)
{
	uint64_t state = 88172645463325252ull;

	for (uint32_t i = 0; i < CALLS; i++) {
		uint32_t agent = (uint32_t)(next_random(&state) >> 16) % AGENTS;
		uint32_t action = (uint32_t)(next_random(&state) >> 16) % (ACTIONS / 2) * 2;

		calls[i].agent_n = agent_name(calls[i].agent, agent);
		calls[i].action_n = action_name(calls[i].action, action + agent % 2);
	}
}

static bool decide(const struct sp_snap *s, const struct sp_windows *windows, const struct call *c,
	uint64_t now_ns)
{
	uint32_t agent = sp_snap_find_agent(s, sp_bytes(c->agent, c->agent_n));
	const struct sp_snap_agent *a;
	struct sp_window_ask ask[3];
	uint64_t retry_ms;
	unsigned refused;

	if (agent == SP_SNAP_NONE)
		return false;
	a = sp_snap_agent(s, agent);
	if (!sp_snap_allows(s, a, sp_snap_find_action(s, sp_bytes(c->action, c->action_n))))
		return false;
	ask[0] = (struct sp_window_ask){
		sp_window_key(1, agent, 0, 0), SP_LIMIT_CALLS, SP_PER_MINUTE, 1, a->per_minute};
	ask[1] = (struct sp_window_ask){
		sp_window_key(2, agent, 0, 0), SP_LIMIT_CALLS, SP_PER_HOUR, 1, a->per_hour};
	ask[2] = (struct sp_window_ask){
		sp_window_key(3, agent, 0, 0), SP_LIMIT_TOKENS, SP_PER_DAY, 10, a->daily_tokens};
	return sp_windows_take(windows, ask, 3, now_ns, &refused, &retry_ms) == 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(
	const struct sp_snap *s, const struct sp_windows *windows, const struct call *calls)
{
	static double ns[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		const struct call *c = calls + r * ROUND % CALLS;
		uint64_t t0 = sp_clock_boot_ns();
		uint32_t passed = 0;

		for (uint32_t i = 0; i < ROUND; i++)
			passed += decide(s, windows, &c[i], t0);
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
	struct sp_windows windows;
	struct call *calls = calloc(CALLS, sizeof(*calls));
	struct sp_snap s;
	size_t n;
	uint8_t *blob = make_snapshot(&n);
	double ns = -1;

	if (table && calls && blob && sp_snap_open(blob, n, &s) == 0 &&
		sp_windows_attach(table, bytes, CELLS, SP_NS_PER_SEC, &windows) == 0) {
		memset(table, 0, bytes);
		make_calls(calls);
		ns = measure(&s, &windows, calls);
	}
	free(blob);
	free(calls);
	free(table);
	return ns;
}
