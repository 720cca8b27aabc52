/// `policy suggest`: the smallest policy that recorded calls need.
#include "tools/sallyctl/local.h"

#include "common/clock.h"
#include "config/policy_read.h"
#include "config/policy_text.h"
#include "tools/sallyctl/local_records.h"
#include "tools/sallyctl/uses.h"

#include <stdio.h>
#include "common/banned.h"

#define DAY_CHARS 10 ///< 2026-01-31

struct text {
	char *p;
	size_t n;
	FILE *f;
	bool plain; ///< without comments
};

static void put_name(FILE *f, struct sp_bytes name)
{
	uint8_t buf[6];

	putc('"', f);
	for (size_t i = 0; i < name.n; i++) {
		struct sp_out o = sp_out_init(buf, sizeof(buf));

		sp_out_json_escaped(&o, sp_bytes(name.p + i, 1));
		fwrite(buf, 1, o.len, f);
	}
	putc('"', f);
}

/// Times cut after `n` characters: a tool's are days.
static void put_times(FILE *f, uint32_t calls, uint64_t first_ns, uint64_t last_ns, int n)
{
	char a[SP_USES_TIME], b[SP_USES_TIME];

	fprintf(f, "# %u call%s, first %.*s, last %.*s", calls, calls == 1 ? "" : "s", n,
		sp_uses_time(first_ns, a), n, sp_uses_time(last_ns, b));
}

/// One agent's entry; returns how many uses it took.
static uint32_t put_agent(const struct text *t, const struct sp_use *use, uint32_t n)
{
	enum sp_audit_level level = SP_AUDIT_BASIC;
	uint32_t tools = 0, calls = 0;
	uint64_t first = UINT64_MAX, last = 0;
	FILE *f = t->f;

	for (; tools < n && sp_bytes_eq(use[tools].agent, use[0].agent); tools++) {
		calls += use[tools].calls;
		first = sp_min(first, use[tools].first_ns);
		last = sp_max(last, use[tools].last_ns);
		level = sp_max(level, use[tools].level);
	}
	if (!t->plain) {
		fputs("  ", f);
		put_times(f, calls, first, last, SP_USES_TIME);
		putc('\n', f);
	}
	fputs("  - name: ", f);
	put_name(f, use[0].agent);
	fprintf(f, "\n    audit_level: %s\n    allow:\n", sp_audit_level_name(level));
	for (uint32_t i = 0; i < tools; i++) {
		fputs("      - ", f);
		put_name(f, use[i].tool);
		if (!t->plain) {
			putc(' ', f);
			put_times(f, use[i].calls, use[i].first_ns, use[i].last_ns, DAY_CHARS);
		}
		putc('\n', f);
	}
	return tools;
}

static int write_policy(const struct sp_uses *u, struct text *t)
{
	uint64_t calls = 0;

	for (uint32_t i = 0; i < u->n; i++)
		calls += u->v[i].calls;
	t->f = open_memstream(&t->p, &t->n);
	if (!t->f)
		return -errno;
	fprintf(t->f,
		"# What %llu recorded calls needed, all that were allowed and succeeded: nothing else is granted.\n"
		"# Made by 'sallyctl policy suggest'. Limits, conditions and risk are for you to add.\n"
		"version: 1\nagents:%s\n",
		(unsigned long long)calls, u->n ? "" : " []");
	for (uint32_t i = 0; i < u->n;)
		i += put_agent(t, &u->v[i], u->n - i);
	return fclose(t->f) == 0 ? 0 : -ENOMEM;
}

/// Nothing is suggested that could not be published.
static int check_policy(const struct text *t, struct sp_check *check)
{
	struct sp_policy *p;
	int err;

	SP_TRY(sp_policy_new(&p));
	err = sp_policy_read(p, sp_bytes(t->p, t->n), "suggestion", check);
	if (err == 0)
		err = sp_policy_seal_in(p, check);
	sp_policy_free(p);
	return err;
}

/// A name that only a pattern could have granted cannot be written as an exact one.
static void leave_out(struct sp_uses *u)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < u->n; i++)
		if (!sp_policy_agent_wrong((const char *)u->v[i].agent.p) &&
			!sp_policy_action_wrong((const char *)u->v[i].tool.p))
			u->v[n++] = u->v[i];
	if (n < u->n)
		fprintf(stderr,
			"sallyctl: %u pairs of agent and tool have names that no policy can hold\n",
			u->n - n);
	u->n = n;
}

static void print_json(const struct text *t, const struct sp_uses *u)
{
	uint32_t agents = 0;

	for (uint32_t i = 0; i < u->n; i++)
		agents += i == 0 || !sp_bytes_eq(u->v[i].agent, u->v[i - 1].agent);
	printf("{\"agents\":%u,\"permissions\":%u,\"policy\":", agents, u->n);
	put_name(stdout, sp_bytes(t->p, t->n));
	puts("}");
}

static int suggest(const struct sp_line *l, const struct sp_records *r, uint64_t since_ns,
	struct sp_check *check)
{
	struct text t = {0};
	struct sp_uses u;
	int err = sp_uses_sum(r, SP_USES_SUCCEEDED, since_ns, false, &u);

	if (err)
		return err;
	leave_out(&u);
	err = write_policy(&u, &t);
	if (err == 0 && t.n > SP_POLICY_TEXT_MAX) { // a policy's file holds no more
		free(t.p);
		t = (struct text){.plain = true};
		err = write_policy(&u, &t);
	}
	if (err == 0)
		err = check_policy(&t, check);
	if (err == 0 && l->json)
		print_json(&t, &u);
	else if (err == 0)
		fwrite(t.p, 1, t.n, stdout);
	if (err == 0 && u.n == 0)
		fputs("sallyctl: no call succeeded in these records; they need the outcomes, too\n",
			stderr);
	free(t.p);
	sp_uses_done(&u);
	return err;
}

int sp_local_policy_suggest(const struct sp_line *l)
{
	struct sp_records_line what;
	struct sp_records records;
	struct sp_check check;
	uint64_t now = sp_clock_wall_ns(), since = 0;
	int err = sp_records_line_read(l, false, &what);

	if (err)
		return err;
	if (what.days)
		since = now - sp_min(now, what.days * 86400 * SP_NS_PER_SEC);
	sp_check_init(&check);
	err = sp_records_load(&records, what.records, &check);
	if (err == 0)
		err = suggest(l, &records, since, &check);
	if (err)
		sp_records_tell(&check, what.records, err);
	sp_records_done(&records);
	sp_check_done(&check);
	return err || fflush(stdout) != 0 ? SP_CTL_REFUSED : SP_CTL_OK;
}
