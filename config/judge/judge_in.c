#include "config/judge/judge_in.h"
#include "common/banned.h"

void sp_judge_begin(struct sp_judge_verdict *v)
{
	*v = (struct sp_judge_verdict){
		.about = {.actions = {SP_SNAP_NONE, SP_SNAP_NONE}, .tools = {SP_SNAP_NONE, SP_SNAP_NONE}},
		.rule = SP_SNAP_NONE,
		.group = SP_SNAP_NONE,
		.sequence = SP_SNAP_NONE,
		.purpose = SP_SNAP_NONE,
	};
}

static void set_detail(struct sp_judge_verdict *v, struct sp_bytes d)
{
	size_t n = d.n < sizeof(v->detail) ? d.n : sizeof(v->detail) - 1;

	for (size_t i = 0; i < n; i++)
		v->detail[i] = d.p[i] > ' ' && d.p[i] < 0x7f ? (char)d.p[i] : d.p[i] == ' ' ? ' ' : '?';
	v->detail[n] = '\0';
}

static bool is_review(enum sp_reason r)
{
	return r >= SP_REASON_REVIEW_RISK && r <= SP_REASON_REVIEW_SEQUENCE;
}

void judge_refuse(struct judge *j, enum sp_reason why, struct sp_bytes detail)
{
	struct sp_judge_verdict *v = j->v;

	if (v->reason != SP_REASON_NONE && (!v->review || is_review(why)))
		return;
	v->reason = why;
	v->review = is_review(why);
	set_detail(v, detail);
}

bool judge_names_match(const struct judge *j, struct sp_snap_table globs)
{
	for (uint32_t i = 0; i < j->names_n; i++)
		if (sp_snap_glob_any(j->s, globs, j->name[i]))
			return true;
	return false;
}

struct sp_snap_who judge_who(const struct judge *j, uint32_t i)
{
	return (struct sp_snap_who){
		.agent = j->c->agent, .action = j->v->about.actions[i], .tool = j->name[i]};
}

static uint32_t class_of(const struct judge *j, const struct sp_judge_about *about)
{
	uint32_t cls = 0;

	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);

		if (t && t->cls > cls)
			cls = t->cls;
	}
	for (uint32_t i = 0; cls == 0 && i < j->names_n; i++)
		if (about->actions[i] != SP_SNAP_NONE)
			cls = SP_SNAP_POLICY(j->s, action_facts, sp_snap_action_facts,
				about->actions[i])->cls;
	return cls ? cls : sp_action_class_guess(j->name[j->names_n - 1]);
}

#define CONDITIONS_AHEAD 384u ///< bytes: two conditions and their programs, which lie behind them

static void ask_for_table(const struct judge *j, struct sp_snap_table t, size_t size)
{
	if (t.n)
		judge_ask_for(j->s->base + t.off, size);
}

static void look_up_actions(struct judge *j)
{
	struct sp_snap_index x = j->p->pairs;
	const struct sp_snap_pair *slot = (const struct sp_snap_pair *)(j->s->base + x.off);

	if (j->agent)
		judge_ask_for(j->agent, SP_SNAP_ROW);
	for (uint32_t i = 0; i < j->names_n; i++) {
		uint32_t a = sp_snap_find_action(j->s, j->name[i]);

		j->v->about.actions[i] = a;
		if (a == SP_SNAP_NONE)
			continue;
		__builtin_prefetch(&slot[sp_snap_pair_hash(j->c->agent, a) & x.mask]);
		judge_ask_for(SP_SNAP_POLICY(j->s, action_facts, sp_snap_action_facts, a),
			sizeof(struct sp_snap_action_facts));
	}
}

/// The first rule of agent and tool, which most calls are judged by.
static const struct sp_snap_rule *first_rule(const struct judge *j, uint32_t i)
{
	struct sp_snap_table t = {0, 0};

	if (j->v->about.actions[i] != SP_SNAP_NONE)
		t = sp_snap_pair_rules(j->s, j->c->agent, j->v->about.actions[i]);
	if (t.n == 0)
		return NULL;
	return SP_SNAP_POLICY(
		j->s, rules, sp_snap_rule, *(const uint32_t *)(j->s->base + t.off));
}

/// What is known to be needed is asked for before anything waits for it; much of it was, where the caller did so ahead.
static void look_up(struct judge *j, const struct sp_snap_rule *rule[2])
{
	look_up_actions(j);
	for (uint32_t i = 0; i < j->names_n; i++) {
		struct sp_snap_who who = judge_who(j, i);

		j->v->about.tools[i] = sp_snap_tool_of(j->s, &who);
		if (judge_tool(j, i))
			judge_ask_for(judge_tool(j, i), 2ul * SP_SNAP_ROW);
	}
	for (uint32_t i = 0; i < j->names_n; i++) {
		rule[i] = first_rule(j, i);
		if (rule[i])
			judge_ask_for(rule[i], SP_SNAP_ROW);
	}
	if (j->agent) {
		ask_for_table(j, j->agent->limits, sizeof(uint32_t));
		ask_for_table(j, j->agent->attributes, sizeof(struct sp_snap_str[2]));
	}
}

static void of_tools(const struct judge *j, struct sp_judge_about *about)
{
	for (uint32_t i = 0; i < j->names_n; i++) {
		const struct sp_snap_tool *t = judge_tool(j, i);

		if (!t)
			continue;
		if (t->cost_micros > about->cost_micros)
			about->cost_micros = t->cost_micros;
		if (t->max_calls &&
			(!about->max_calls_session || t->max_calls < about->max_calls_session))
			about->max_calls_session = t->max_calls;
	}
}

/// A worker has asked for these by sp_judge_ahead_rules(), no further than they go.
static bool is_ahead(const struct judge *j, const struct sp_snap_rule *r)
{
	return j->agent && j->agent->ahead_off == r->conditions.off;
}

void judge_look_up(struct judge *j)
{
	struct sp_judge_known *known = j->c->known;
	const struct sp_snap_rule *rule[2] = {NULL, NULL};
	struct sp_judge_about *about = &j->v->about;

	if (known && known->looked_up) {
		*about = known->about;
	} else {
		look_up(j, rule);
		about->cls = class_of(j, about);
		about->audit_level = sp_snap_agent(j->s, j->c->agent)->audit_level;
		of_tools(j, about);
		for (uint32_t i = 0; i < j->names_n; i++)
			if (rule[i] && !is_ahead(j, rule[i]))
				ask_for_table(j, rule[i]->conditions, CONDITIONS_AHEAD);
		if (known)
			*known = (struct sp_judge_known){.looked_up = true, .about = *about};
	}
	j->v->audit_level = about->audit_level;
}

void judge_tell(const struct judge *j, const struct sp_trace_line *line)
{
	if (j->c->trace)
		j->c->trace->add(j->c->trace, line);
}

void judge_say(const struct judge *j, enum sp_trace_kind kind, uint32_t number, bool holds,
	struct sp_bytes name, struct sp_bytes text)
{
	struct sp_trace_line line = {
		.kind = kind, .number = number, .holds = holds, .name = name, .text = text};

	judge_tell(j, &line);
}

void judge_say_tool(const struct judge *j, uint32_t i, enum sp_trace_kind kind, bool holds,
	struct sp_bytes text)
{
	const struct sp_snap_tool *t = judge_tool(j, i);

	if (!j->c->trace || !t)
		return;
	judge_tell(j, &(struct sp_trace_line){
		.kind = kind,
		.number = j->v->about.tools[i],
		.holds = holds,
		.name = judge_str(j, t->name),
		.source = judge_str(j, t->source),
		.line = t->line,
		.text = text,
	});
}

int judge_member(const struct sp_json *doc, uint32_t obj, struct sp_bytes key, uint8_t *buf, size_t cap,
	struct sp_bytes *ret)
{
	uint32_t t = doc && obj != SP_JSON_NONE ? sp_json_get(doc, obj, key) : SP_JSON_NONE;

	if (t == SP_JSON_NONE)
		return -ENOENT;
	return sp_json_str(doc, t, buf, cap, ret) < 0 ? -EINVAL : 0;
}
