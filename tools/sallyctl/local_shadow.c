/// `policy shadow report`: what the candidate would have ended otherwise, from the audit trail.
/// Control says which candidate it is, audit has the decisions.
#include "tools/sallyctl/local.h"

#include "tools/sallyctl/ask.h"
#include "tools/sallyctl/show.h"

#include <stdio.h>
#include <stdlib.h>
#include "common/banned.h"

#define GROUPS_MAX 1000u ///< by tool and agent; beyond them tools, then agents are taken together
#define OTHERS_MAX 256u
#define SLOTS 4096u ///< a power of two, more than twice the groups
#define EXAMPLES 3u
#define PAGE 10000u

enum { DECISION, REASON, SHADOW_DECISION, SHADOW_REASON, AGENT, TOOL, KEYS };
static const char *const keys[KEYS] = {
	"decision", "reason", "shadow_decision", "shadow_reason", "agent", "tool"};

struct group {
	char *value[KEYS];
	char example[EXAMPLES][40]; ///< ids of calls
	uint64_t calls;
};
struct report {
	bool on; ///< it is in shadow
	uint64_t generation, judged, differed;
	char since[40];
	struct group *group; ///< GROUPS_MAX + 2 * OTHERS_MAX
	uint16_t slot[SLOTS]; ///< 1 + number of a group, 0 = free
	uint32_t groups_n;
	uint64_t decisions, verdicts, others, next;
	uint32_t page;
	bool failed;
};

static struct sp_bytes text_of(struct sp_bytes map, const char *key)
{
	struct sp_bytes raw;
	struct sp_cv_value v;

	if (sp_cv_get(map, sp_bytes_cstr(key), &raw) < 0 || sp_cv_next(&raw, &v) < 0 ||
		v.type != SP_CV_STR)
		return SP_NOBYTES;
	return v.s;
}

static uint64_t number_of(struct sp_bytes map, const char *key)
{
	struct sp_bytes raw;
	struct sp_cv_value v;

	if (sp_cv_get(map, sp_bytes_cstr(key), &raw) < 0 || sp_cv_next(&raw, &v) < 0 ||
		v.type != SP_CV_UINT)
		return 0;
	return v.u;
}

static void complain(const struct sp_ctl_answer *a)
{
	char text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_out_json_escaped(&o, a->error);
	fprintf(stderr, "sallyctl: %.*s\n", (int)o.len, text);
}

static int take_status(const struct sp_ctl_answer *a, void *user)
{
	struct report *r = user;

	if (a->error.n) {
		complain(a);
		r->failed = true;
		return 0;
	}
	r->on = sp_bytes_eq(text_of(a->data, "state"), SP_LIT("judging"));
	if (!r->on || (r->generation && r->generation != number_of(a->data, "generation"))) {
		r->on = false;
		return 0;
	}
	r->generation = number_of(a->data, "generation");
	r->judged = number_of(a->data, "judged");
	r->differed = number_of(a->data, "differed");
	snprintf(r->since, sizeof(r->since), "%.*s", SP_FMT(text_of(a->data, "since")));
	return 0;
}

static bool same(const struct group *g, const struct sp_bytes value[KEYS])
{
	for (unsigned i = 0; i < KEYS; i++)
		if (!sp_bytes_eq(sp_bytes_cstr(g->value[i]), value[i]))
			return false;
	return true;
}

static uint32_t hash_of(const struct sp_bytes value[KEYS])
{
	uint32_t h = 2166136261u;

	for (unsigned i = 0; i < KEYS; i++)
		for (size_t k = 0; k <= value[i].n; k++)
			h = (h ^ (k < value[i].n ? value[i].p[k] : 0xffu)) * 16777619u;
	return h;
}

static struct group *new_group(struct report *r, const struct sp_bytes value[KEYS])
{
	struct group *g = &r->group[r->groups_n++];

	for (unsigned i = 0; i < KEYS; i++) {
		g->value[i] = strndup((const char *)value[i].p, value[i].n);
		r->failed = r->failed || !g->value[i];
	}
	if (r->failed)
		fprintf(stderr, "sallyctl: %s\n", strerror(ENOMEM));
	return g;
}

/// The group of these values; a new one while there are fewer than `most`, else NULL.
static struct group *find_group(struct report *r, const struct sp_bytes value[KEYS], uint32_t most)
{
	uint32_t at = hash_of(value) % SLOTS;

	for (; r->slot[at]; at = (at + 1) % SLOTS)
		if (same(&r->group[r->slot[at] - 1], value))
			return &r->group[r->slot[at] - 1];
	if (r->groups_n >= most)
		return NULL;
	r->slot[at] = (uint16_t)(r->groups_n + 1);
	return new_group(r, value);
}

static struct group *group_of(struct report *r, struct sp_bytes value[KEYS])
{
	struct group *g = find_group(r, value, GROUPS_MAX);

	if (g)
		return g;
	value[TOOL] = SP_LIT("(others)");
	g = find_group(r, value, GROUPS_MAX + OTHERS_MAX);
	if (g)
		return g;
	value[AGENT] = SP_LIT("(others)");
	return find_group(r, value, GROUPS_MAX + 2 * OTHERS_MAX);
}

static int take_record(const struct sp_ctl_answer *a, void *user)
{
	struct report *r = user;
	struct sp_bytes value[KEYS];
	struct group *g;
	uint64_t seq;

	if (a->error.n) {
		complain(a);
		r->failed = true;
		return 1;
	}
	seq = number_of(a->data, "seq");
	if (seq == 0) // an empty list: nothing matched
		return 0;
	r->next = seq + 1;
	r->page++;
	r->decisions++;
	for (unsigned i = 0; i < KEYS; i++) {
		value[i] = text_of(a->data, keys[i]);
		value[i] = value[i].n ? value[i] : SP_LIT("");
	}
	r->verdicts += !sp_bytes_eq(value[DECISION], value[SHADOW_DECISION]);
	g = group_of(r, value);
	if (r->failed)
		return 1;
	if (!g)
		r->others++;
	else if (g->calls++ < EXAMPLES)
		snprintf(g->example[g->calls - 1], sizeof(g->example[0]), "%.*s",
			SP_FMT(text_of(a->data, "call")));
	return 0;
}

/// Another command with the options of this one.
static struct sp_line line_of(const struct sp_line *l, enum sp_ctl_command_id id)
{
	return (struct sp_line){
		.run_dir = l->run_dir, .timeout_s = l->timeout_s, .command = sp_ctl_command(id)};
}

static enum sp_ctl_code read_trail(const struct sp_line *l, struct report *r)
{
	struct sp_line q = line_of(l, SP_CMD_AUDIT_QUERY);
	char generation[24], from[24], limit[24];
	enum sp_ctl_code code = SP_CTL_OK;

	snprintf(generation, sizeof(generation), "%llu", (unsigned long long)r->generation);
	snprintf(limit, sizeof(limit), "%u", PAGE);
	q.argc = 6;
	q.argv[0] = "--shadow";
	q.argv[1] = generation;
	q.argv[2] = "--from";
	q.argv[3] = from;
	q.argv[4] = "--limit";
	q.argv[5] = limit;
	r->next = 1;
	do {
		r->page = 0;
		snprintf(from, sizeof(from), "%llu", (unsigned long long)r->next);
		code = sp_ask(&q, false, take_record, r);
	} while (code == SP_CTL_OK && !r->failed && r->page == PAGE);
	return code;
}

static int most_calls_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	for (unsigned i = 0; i < KEYS; i++) {
		int c = strcmp(x->value[i], y->value[i]);

		if (c)
			return c;
	}
	return 0;
}

/// Calls that were counted but have no record: it is on its way, or was lost (audit level basic).
static uint64_t not_in_trail(const struct report *r)
{
	return r->differed > r->decisions ? r->differed - r->decisions : 0;
}

static const char *advice(const struct report *r)
{
	if (not_in_trail(r))
		return "some are not in the trail (yet, or no more): ask again, and see 'sallyctl "
		       "audit verify'";
	if (r->decisions)
		return "look at the calls: 'sallyctl audit query --call ID'";
	if (!r->on)
		return "the trail holds no difference of this generation";
	if (r->judged == 0)
		return "nothing was judged yet: no tools/call has come since the candidate is in shadow, so this "
		       "says nothing about it";
	return "no call would have ended otherwise: 'sallyctl policy publish PATH' puts it in "
	       "force";
}

static const char *state(const struct report *r)
{
	return !r->on ? "ended" : r->judged || r->decisions ? "judging" : "nothing judged yet";
}

static void put_groups(const struct report *r, bool json, struct sp_cv_out *o)
{
	sp_cv_put_str(o, "differences");
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < r->groups_n; i++) {
		const struct group *g = &r->group[i];

		sp_cv_put_map(o);
		sp_cv_put_str(o, "calls");
		sp_cv_put_u64(o, g->calls);
		for (unsigned k = 0; k < KEYS; k++) {
			sp_cv_put_str(o, keys[k]);
			sp_cv_put_str(o, g->value[k]);
		}
		sp_cv_put_str(o, json ? "examples" : "example");
		if (json)
			sp_cv_put_array(o);
		for (unsigned e = 0; e < EXAMPLES && e < g->calls && (json || e == 0); e++)
			sp_cv_put_str(o, g->example[e]);
		if (json)
			sp_cv_put_end(o);
		sp_cv_put_end(o);
	}
	sp_cv_put_end(o);
}

static int print(const struct sp_line *l, struct report *r)
{
	struct sp_show show = {
		.color = !l->no_color && isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
	struct sp_cv_out o;

	if (r->groups_n)
		qsort(r->group, r->groups_n, sizeof(*r->group), most_calls_first);
	sp_cv_out_init(&o);
	sp_cv_put_map(&o);
	sp_cv_put_str(&o, "generation");
	sp_cv_put_u64(&o, r->generation);
	sp_cv_put_str(&o, "state");
	sp_cv_put_str(&o, state(r));
	if (r->on) {
		sp_cv_put_str(&o, "since");
		sp_cv_put_str(&o, r->since);
		sp_cv_put_str(&o, "judged");
		sp_cv_put_u64(&o, r->judged);
	}
	sp_cv_put_str(&o, "differed");
	sp_cv_put_u64(&o, sp_max(r->differed, r->decisions));
	sp_cv_put_str(&o, "verdict_changed");
	sp_cv_put_u64(&o, r->verdicts);
	if (not_in_trail(r)) {
		sp_cv_put_str(&o, "not_in_trail");
		sp_cv_put_u64(&o, not_in_trail(r));
	}
	if (r->others) {
		sp_cv_put_str(&o, "not_grouped");
		sp_cv_put_u64(&o, r->others);
	}
	sp_cv_put_str(&o, "advice");
	sp_cv_put_str(&o, advice(r));
	put_groups(r, l->json, &o);
	sp_cv_put_end(&o);
	if (l->json)
		sp_show_json(sp_cv_out_bytes(&o));
	else
		sp_show(&show, sp_cv_out_bytes(&o));
	sp_cv_out_done(&o);
	return r->decisions || r->differed ? SP_CTL_REFUSED : SP_CTL_OK;
}

/// The option, against the table like any command's. False after a message.
static bool read_generation(const struct sp_line *l, uint64_t *ret)
{
	struct sp_cv_out o;
	struct sp_bytes args;
	bool good;

	sp_cv_out_init(&o);
	good = sp_line_args(l, 0, &o) == 0;
	args = sp_cv_out_bytes(&o);
	*ret = good ? number_of(args, "generation") : 0;
	sp_cv_out_done(&o);
	return good;
}

static int report(const struct sp_line *l, struct report *r)
{
	struct sp_line status = line_of(l, SP_CMD_POLICY_SHADOW_STATUS);
	enum sp_ctl_code code = sp_ask(&status, false, take_status, r);

	if (code != SP_CTL_OK || r->failed)
		return code == SP_CTL_OK ? SP_CTL_REFUSED : (int)code;
	if (r->generation == 0) {
		fputs("sallyctl: no candidate is in shadow; '--generation' reports on an earlier "
		      "one\n",
			stderr);
		return SP_CTL_REFUSED;
	}
	code = read_trail(l, r);
	if (code != SP_CTL_OK || r->failed)
		return code == SP_CTL_OK ? SP_CTL_REFUSED : (int)code;
	return print(l, r);
}

int sp_local_policy_shadow_report(const struct sp_line *l)
{
	struct report *r = calloc(1, sizeof(*r));
	int code = SP_CTL_REFUSED;

	if (r)
		r->group = calloc(GROUPS_MAX + 2 * OTHERS_MAX, sizeof(*r->group));
	if (!r || !r->group)
		fprintf(stderr, "sallyctl: %s\n", strerror(ENOMEM));
	else
		code = read_generation(l, &r->generation) ? report(l, r) : SP_CTL_USAGE;
	for (uint32_t i = 0; r && i < r->groups_n; i++)
		for (unsigned k = 0; k < KEYS; k++)
			free(r->group[i].value[k]);
	if (r)
		free(r->group);
	free(r);
	return code;
}
