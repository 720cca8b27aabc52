/// What a whole decision costs: sallyport-decide POLICY-FOLDER AGENTS TOOLS
///
/// Judges calls of random agents under the policy that bench/decide wrote: agent number n may call tools n*4 to n*4+3
/// (modulo). Each call is timed alone, from the parsed call of an identified agent to the taken limit: all questions
/// of the judge, the limits that bind, their windows. What a worker has done by then goes before, in its order, and
/// is timed with it in ns_whole_*: asking memory ahead for the agent that called last on the connection
/// (dataplane/conn.c: its bytes have come) and for that agent's rule (mcp/parse.c), the JSON, finding the agent by its
/// name, asking ahead for the tool and the windows (decide/identify.c). ns_p99_window: the median over windows of 1,000
/// calls in a row of each one's p99. Prints one JSON object.
#include "common/clock.h"
#include "common/shm.h"
#include "common/windows.h"
#include "config/load.h"
#include "tests/support/judge_rig.h"

#include <stdio.h>
#include <unistd.h>
#include <x86intrin.h>
#include "common/banned.h"

#define CALLS 4096u
#define TIMED 1000000u
#define WARM 200000u
#define IN_A_ROW 1000u
#define WINDOWS 65536u
#define TOKENS 16u
#define TOKEN_LASTS_NS (3600 * SP_NS_PER_SEC)
#define REGION_HEAD SP_HUGE_PAGE

struct asked {
	char agent[24], tool[24], params[160];
	uint32_t called; ///< number of the agent that called last on this connection: it was the same
	struct sp_json_tok tok[TOKENS];
	struct sp_json doc;
};
struct bench {
	struct rig rig;
	struct asked *call;
	struct sp_windows windows;
	struct sp_window_ask ask[SP_JUDGE_LIMITS_MAX]; ///< what the last call took
	uint32_t *ticks, *whole; ///< of each decision; with what goes before
	uint32_t agents, tools;
};

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void make_calls(struct bench *b)
{
	uint64_t s = 88172645463325252ull;

	for (uint32_t i = 0; i < CALLS; i++) {
		struct asked *a = &b->call[i];
		uint32_t agent = (uint32_t)(next_random(&s) % b->agents);
		uint32_t tool = (uint32_t)((agent * 4 + next_random(&s) % 4) % b->tools);

		snprintf(a->agent, sizeof(a->agent), "agent-%05u", agent);
		a->called = sp_snap_find_agent(&b->rig.snap, sp_bytes_cstr(a->agent));
		snprintf(a->tool, sizeof(a->tool), "get_%04u", tool);
		snprintf(a->params, sizeof(a->params),
			"{\"arguments\":{\"user_id\":\"u%u\",\"amount\":%u,\"note\":\"about the order of %u\"}}",
			agent, (unsigned)(next_random(&s) % 1000), i);
	}
}

/// A sample of what the past may be; the worker reads it from shared memory, by one line an agent.
static const struct sp_judge_history past = {
	.agent_denied = 1, .agent_calls_minute = 5, .agent_usual_minute = 4, .tool_calls = 7};

/// Windows are made on the agent's account, and its session's counts are kept until the token ends.
static struct sp_window_owner owner_of(const struct sp_judge_call *c, uint64_t now)
{
	return (struct sp_window_owner){
		.agent = sp_snap_agent(c->snap, c->agent)->limit_slot + 1,
		.session_ends_ns = now + TOKEN_LASTS_NS,
	};
}

static bool take(struct bench *b, const struct sp_judge_call *c, const struct sp_judge_verdict *v,
	uint64_t now)
{
	const struct sp_window_owner owner = owner_of(c, now);
	struct sp_judge_limit limit[SP_JUDGE_LIMITS_MAX];
	uint64_t tokens = (sp_json_raw(c->args_doc, c->args).n + 3) / 4, retry_ms;
	uint32_t n = sp_judge_limits(c, v, limit, SP_JUDGE_LIMITS_MAX);
	unsigned refused;

	sp_judge_limit_asks(limit, n, v, tokens, b->ask);
	return n > 0 && sp_windows_take(&b->windows, &owner, b->ask, n, now, &refused, &retry_ms) == 0;
}

/// What a worker has done before it decides, in its order.
static bool arrive(struct bench *b, struct asked *a, struct sp_judge_call *c)
{
	const struct sp_snap *s = &b->rig.snap;

	sp_judge_ahead_agent(s, a->called);
	sp_judge_ahead_rules(s, a->called);
	*c = (struct sp_judge_call){
		.snap = s,
		.tool = sp_bytes_cstr(a->tool),
		.args_doc = &a->doc,
		.meta = SP_JSON_NONE,
		.scopes = SP_LIT("mcp:call"),
		.route = SP_LIT("/mcp"),
		.method = SP_LIT("tools/call"),
		.wall_ns = 1784476800000000000u,
		.history = &past,
		.arena = &b->rig.arena,
	};
	if (sp_json_scan(sp_bytes_cstr(a->params), 8, a->tok, TOKENS, &a->doc, NULL) < 0)
		return false;
	c->args = sp_json_get(&a->doc, 0, SP_LIT("arguments"));
	c->agent = sp_snap_find_agent(s, sp_bytes_cstr(a->agent));
	sp_judge_ahead_tool(s, c->agent, c->tool);
	sp_judge_ahead_windows(s, c->agent, 0, &b->windows);
	return c->agent != SP_SNAP_NONE;
}

static bool decide(struct bench *b, const struct sp_judge_call *c, uint64_t now)
{
	struct sp_judge_verdict v;

	return sp_judge(c, &v) == SP_REASON_NONE && v.score > 0 && take(b, c, &v, now);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void sort(uint32_t *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), by_value);
}

/// Ticks of nothing, which every timing includes.
static uint32_t ticks_of_nothing(struct bench *b)
{
	for (uint32_t i = 0; i < 10000; i++) {
		uint64_t t0 = __rdtsc();

		_mm_lfence();
		b->ticks[i] = (uint32_t)(__rdtsc() - t0);
	}
	sort(b->ticks, 10000);
	return b->ticks[5000];
}

static void without(uint32_t *ticks, uint32_t nothing)
{
	for (uint32_t i = 0; i < TIMED; i++)
		ticks[i] -= ticks[i] > nothing ? nothing : ticks[i];
}

/// Sorts each window.
static uint32_t p99_window(uint32_t *ticks)
{
	uint32_t p99[TIMED / IN_A_ROW];

	for (uint32_t i = 0; i < SP_ARRAY_LEN(p99); i++) {
		sort(ticks + i * IN_A_ROW, IN_A_ROW);
		p99[i] = ticks[i * IN_A_ROW + IN_A_ROW / 100 * 99];
	}
	sort(p99, SP_ARRAY_LEN(p99));
	return p99[SP_ARRAY_LEN(p99) / 2];
}

/// Of the regions, what lies in huge pages: reserved ones or gathered.
static unsigned long huge_kib(void)
{
	static const char *const names[] = {"ShmemPmdMapped:", "Shared_Hugetlb:", "Private_Hugetlb:"};
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long sum = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		for (size_t i = 0; i < SP_ARRAY_LEN(names); i++)
			if (strncmp(line, names[i], strlen(names[i])) == 0)
				sum += strtoul(line + strlen(names[i]), NULL, 10);
	if (f)
		(void)fclose(f);
	return sum;
}

static void print(struct bench *b, double a_tick, uint32_t nothing)
{
	uint32_t window;

	without(b->ticks, nothing);
	without(b->whole, 2 * nothing);
	window = p99_window(b->ticks);
	sort(b->ticks, TIMED);
	sort(b->whole, TIMED);
	printf("{\"ns_p50\":%.0f,\"ns_p99\":%.0f,\"ns_p99_window\":%.0f,\"ns_whole_p50\":%.0f,\"ns_whole_p99\":%.0f,",
		b->ticks[TIMED / 2] * a_tick, b->ticks[TIMED / 100 * 99] * a_tick, window * a_tick,
		b->whole[TIMED / 2] * a_tick, b->whole[TIMED / 100 * 99] * a_tick);
	printf("\"agents\":%u,\"tools\":%u,\"rules\":%u,\"huge_kib\":%lu}\n", b->agents, b->tools,
		b->rig.snap.h->policy.rules.n, huge_kib());
}

static int measure(struct bench *b)
{
	uint32_t nothing = ticks_of_nothing(b);
	uint64_t s = 1234567, ns0, t0, ns, ticks, now = sp_clock_boot_ns();

	ns0 = sp_clock_boot_ns();
	t0 = __rdtsc();
	for (uint32_t i = 0; i < WARM + TIMED; i++) {
		struct asked *a = &b->call[next_random(&s) % CALLS];
		struct sp_judge_call c;
		uint64_t begun, t, end;

		begun = __rdtsc();
		_mm_lfence();
		if (!arrive(b, a, &c))
			return -EINVAL;
		t = __rdtsc();
		_mm_lfence();
		if (!decide(b, &c, now))
			return -EPERM;
		end = __rdtsc();
		b->ticks[i % TIMED] = (uint32_t)(end - t);
		b->whole[i % TIMED] = (uint32_t)(end - begun);
	}
	ticks = __rdtsc() - t0;
	ns = sp_clock_boot_ns() - ns0;
	print(b, (double)ns / (double)ticks, nothing);
	return 0;
}

static int load(struct bench *b, const char *dir)
{
	struct sp_check check;
	struct sp_policy *p = NULL;
	int r;

	sp_check_init(&check);
	r = sp_load_policy(dir, &check, &p);
	for (uint32_t i = 0; r < 0 && i < check.n; i++)
		(void)fprintf(stderr, "%s:%u: %s\n", check.v[i].file, check.v[i].line, check.v[i].what);
	sp_check_done(&check);
	if (r < 0)
		return r;
	sp_policy_free(b->rig.p);
	b->rig.p = p;
	rig_publish(&b->rig);
	return 0;
}

static int make_region(const char *name, enum sp_region_kind kind, size_t bytes, struct sp_shm *ret)
{
	int fd;

	bytes = (REGION_HEAD + bytes + SP_HUGE_PAGE - 1) / SP_HUGE_PAGE * SP_HUGE_PAGE;
	SP_TRY(sp_shm_create(name, kind, bytes, REGION_HEAD, ret, &fd));
	close(fd);
	return 0;
}

/// The snapshot and the windows lie where a worker's do: in regions, of huge pages where the host has some.
static int into_regions(struct bench *b)
{
	size_t n = b->rig.snap.h->bytes, windows = sp_windows_bytes(WINDOWS);
	struct sp_shm policy, limits;
	int r;

	SP_TRY(make_region("bench-policy", SP_REGION_POLICY, n, &policy));
	SP_TRY(make_region("bench-limits", SP_REGION_LIMITS, windows, &limits));
	memcpy(policy.base + REGION_HEAD, b->rig.blob, n);
	sp_shm_gather(&policy, 0, policy.size);
	sp_shm_gather(&limits, 0, limits.size);
	r = sp_snap_open(policy.base + REGION_HEAD, n, &b->rig.snap);
	if (r < 0)
		return r;
	return sp_windows_attach(
		limits.base + REGION_HEAD, windows, WINDOWS, 3600 * SP_NS_PER_SEC, &b->windows);
}

int main(int argc, char **argv)
{
	static struct bench b;
	int r;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: sallyport-decide POLICY-FOLDER AGENTS TOOLS\n");
		return 2;
	}
	b.agents = (uint32_t)strtoul(argv[2], NULL, 10);
	b.tools = (uint32_t)strtoul(argv[3], NULL, 10);
	b.call = calloc(CALLS, sizeof(*b.call));
	b.ticks = calloc(TIMED, sizeof(*b.ticks));
	b.whole = calloc(TIMED, sizeof(*b.whole));
	r = b.call && b.ticks && b.whole && b.agents && b.tools ? 0 : -ENOMEM;
	rig_init(&b.rig);
	if (r == 0)
		r = load(&b, argv[1]);
	if (r == 0)
		r = into_regions(&b);
	if (r == 0) {
		make_calls(&b);
		r = measure(&b);
	}
	if (r < 0)
		(void)fprintf(stderr, "sallyport-decide: %s\n",
			r == -EPERM ? "a call was not allowed" : strerror(-r));
	rig_done(&b.rig);
	free(b.call);
	free(b.ticks);
	free(b.whole);
	return r < 0;
}
