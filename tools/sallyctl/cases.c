#include "tools/sallyctl/cases.h"

#include "config/value.h"
#include "tools/sallyctl/args.h"
#include "common/banned.h"

struct reader {
	struct sp_tree *tree;
	struct sp_check *check;
	int err; ///< -ENOMEM
};
struct field;
typedef void field_fn(struct reader *r, const struct field *f, const struct sp_node *n, void *to);
struct field {
	const char *name;
	field_fn *read;
	size_t off;
	bool needed;
};

static void problem(struct reader *r, const struct sp_node *n, const char *name, const char *what)
{
	sp_check_add(r->check, sp_node_at(r->tree, n), NULL, "%s %s", name, what);
}

static const char *scalar(struct reader *r, const char *name, const struct sp_node *n)
{
	if (n->kind == SP_NODE_SCALAR && n->n)
		return n->text;
	problem(r, n, name, "is no text");
	return NULL;
}

static void read_text(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	*(const char **)to = scalar(r, f->name, n);
}

static void read_bytes(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);

	*(struct sp_bytes *)to = s ? sp_bytes_cstr(s) : SP_NOBYTES;
}

static void read_json(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	if (n->kind == SP_NODE_SCALAR)
		read_bytes(r, f, n, to); // JSON as text
	else if (n->kind == SP_NODE_SEQ)
		problem(r, n, f->name, "is no mapping");
	else if (sp_case_json(&r->tree->arena, n, to) < 0)
		r->err = -ENOMEM;
}

/// A text, or a list of words or mapping of numbers that is written as one: "a b", "denied=1 new=1".
static void read_words(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	size_t cap = 1;
	struct sp_out o;
	uint8_t *text;

	if (n->kind == SP_NODE_SCALAR) {
		read_bytes(r, f, n, to);
		return;
	}
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (!scalar(r, f->name, c))
			return;
		cap += (size_t)c->n + (c->key ? (size_t)c->key->n : 0) + 2;
	}
	text = sp_arena_alloc(&r->tree->arena, cap);
	if (!text) {
		r->err = -ENOMEM;
		return;
	}
	o = sp_out_init(text, cap);
	for (const struct sp_node *c = n->first; c; c = c->next) {
		if (o.len)
			sp_out_lit(&o, " ");
		if (c->key) {
			sp_out_put(&o, c->key->text, c->key->n);
			sp_out_lit(&o, "=");
		}
		sp_out_put(&o, c->text, c->n);
	}
	*(struct sp_bytes *)to = sp_bytes(text, o.len);
}

static void read_time(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);

	// an age would be another time at every run
	if (s && (strlen(s) < 20 || sp_time_parse(s, 0, to) < 0))
		problem(r, n, f->name, "is no time such as " SP_CASE_TIME);
}

static void read_peer(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);

	if (s && !sp_trial_is_peer(sp_bytes_cstr(s)))
		problem(r, n, f->name, "is no address such as 192.0.2.7");
	else if (s)
		*(struct sp_bytes *)to = sp_bytes_cstr(s);
}

static void read_after(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	struct sp_trial_in *in = to;

	if (n->kind != SP_NODE_SEQ || n->n > SP_TRIAL_AFTER_MAX) {
		problem(r, n, f->name, "is no list of at most 64 tools");
		return;
	}
	for (const struct sp_node *c = n->first; c; c = c->next) {
		const char *s = scalar(r, f->name, c);

		if (s)
			in->after[in->after_n++] = sp_bytes_cstr(s);
	}
}

static void read_map(struct reader *r, const struct field *field, unsigned fields_n,
	const struct sp_node *n, const char *what, void *to)
{
	uint32_t seen = 0;

	if (n->kind != SP_NODE_MAP) {
		problem(r, n, what, "is no mapping");
		return;
	}
	for (const struct sp_node *c = n->first; c; c = c->next) {
		unsigned i = 0;

		while (i < fields_n && strcmp(field[i].name, c->key->text) != 0)
			i++;
		if (i == fields_n) {
			sp_check_add(r->check, sp_node_at(r->tree, c->key), NULL,
				"%s has no setting '%s'", what, c->key->text);
		} else if (c->repeated) {
			problem(r, c->key, field[i].name, "is given twice");
		} else {
			field[i].read(r, &field[i], c, (uint8_t *)to + field[i].off);
			seen |= 1u << i;
		}
	}
	for (unsigned i = 0; i < fields_n; i++)
		if (field[i].needed && !(seen >> i & 1))
			sp_check_add(r->check, sp_node_at(r->tree, n), NULL, "%s needs %s", what,
				field[i].name);
}

static void points(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);
	uint64_t v;

	if (!s)
		return;
	if (sp_value_number(s, &v) < 0 || v > 100)
		problem(r, n, f->name, "is no number from 0 to 100");
	else
		*(uint32_t *)to = (uint32_t)v;
}

#define EXPECT(f) .off = offsetof(struct sp_case, expect.f)

static void read_score(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	static const struct field range[] = {{.name = "min", .read = points, EXPECT(score_min)},
		{.name = "max", .read = points, EXPECT(score_max)}};
	struct sp_case *c = to;

	c->expect.score = true;
	c->expect.score_max = 100;
	if (n->kind == SP_NODE_MAP) {
		read_map(r, range, SP_ARRAY_LEN(range), n, "score", c);
	} else {
		points(r, f, n, &c->expect.score_min);
		c->expect.score_max = c->expect.score_min;
	}
	if (c->expect.score_min > c->expect.score_max)
		problem(r, n, f->name, "has a min over its max");
}

static void read_decision(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);

	if (s && strcmp(s, "allow") != 0 && strcmp(s, "deny") != 0 && strcmp(s, "review") != 0)
		problem(r, n, f->name, "is none of allow, deny and review");
	*(const char **)to = s;
}

static void read_reason(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	const char *s = scalar(r, f->name, n);
	enum sp_reason reason;

	if (s && sp_reason_find(sp_bytes_cstr(s), &reason) < 0)
		problem(r, n, f->name, "is no reason of the gateway, such as tool_denied");
	else if (s && !sp_trial_decides(reason))
		problem(r, n, f->name, "is no reason that policy alone decides");
	*(const char **)to = s;
}

static void read_expect(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	static const struct field fields[] = {
		{.name = "decision", .read = read_decision, EXPECT(decision)},
		{.name = "reason", .read = read_reason, EXPECT(reason)},
		{.name = "rule", .read = read_text, EXPECT(rule)},
		{.name = "score", .read = read_score},
	};
	struct sp_case *c = to;

	if (n->kind == SP_NODE_SCALAR) {
		read_decision(r, f, n, &c->expect.decision);
		return;
	}
	read_map(r, fields, SP_ARRAY_LEN(fields), n, f->name, c);
	if (n->kind == SP_NODE_MAP && n->n == 0)
		problem(r, n, f->name, "says nothing");
}

#define IN(f) .off = offsetof(struct sp_case, in.f)
static const struct field fields[] = {
	{.name = "name", .read = read_text, .off = offsetof(struct sp_case, name), .needed = true},
	{.name = "skip", .read = read_text, .off = offsetof(struct sp_case, skip)},
	{.name = "agent", .read = read_bytes, IN(agent), .needed = true},
	{.name = "tool", .read = read_bytes, IN(tool), .needed = true},
	{.name = "arguments", .read = read_json, IN(arguments)},
	{.name = "claims", .read = read_json, IN(claims)},
	{.name = "context", .read = read_json, IN(context)},
	{.name = "scopes", .read = read_words, IN(scopes)},
	{.name = "purpose", .read = read_bytes, IN(purpose)},
	{.name = "peer", .read = read_peer, IN(peer)},
	{.name = "session", .read = read_bytes, IN(session)},
	{.name = "upstream", .read = read_bytes, IN(upstream)},
	{.name = "time", .read = read_time, IN(wall_ns)},
	{.name = "history", .read = read_words, IN(history)},
	{.name = "after", .read = read_after, .off = offsetof(struct sp_case, in)},
	{.name = "expect", .read = read_expect, .needed = true},
};

static void read_cases(struct reader *r, const struct field *f, const struct sp_node *n, void *to)
{
	struct sp_cases *ret = to;
	uint64_t time;

	if (n->kind != SP_NODE_SEQ || n->n == 0 || n->n > SP_CASES_MAX) {
		problem(r, n, f->name, "is no list of cases");
		return;
	}
	ret->v = calloc(n->n, sizeof(*ret->v));
	if (!ret->v || sp_time_parse(SP_CASE_TIME, 0, &time) < 0) {
		r->err = -ENOMEM;
		return;
	}
	for (const struct sp_node *c = n->first; c && !r->err; c = c->next) {
		struct sp_case *k = &ret->v[ret->n++];

		k->at = sp_node_at(r->tree, c);
		k->in.wall_ns = time;
		read_map(r, fields, SP_ARRAY_LEN(fields), c, "a case", k);
	}
}

int sp_cases_read(
	struct sp_bytes text, const char *file, struct sp_check *check, struct sp_cases *ret)
{
	static const struct field top[] = {{.name = "cases", .read = read_cases, .needed = true}};
	uint32_t before = sp_check_count(check);
	struct sp_cases c = {0};
	struct reader r = {.tree = &c.tree, .check = check};

	SP_TRY(sp_yaml_parse(text, file, check, &c.tree));
	read_map(&r, top, SP_ARRAY_LEN(top), c.tree.root, "a file of cases", &c);
	if (r.err == 0 && sp_check_count(check) != before)
		r.err = -EBADMSG;
	if (r.err)
		sp_cases_done(&c);
	else
		*ret = c;
	return r.err;
}

void sp_cases_done(struct sp_cases *c)
{
	free(c->v);
	sp_tree_done(&c->tree);
	*c = (struct sp_cases){0};
}
