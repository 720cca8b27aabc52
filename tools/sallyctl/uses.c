#include "tools/sallyctl/uses.h"

#include "common/record.h"
#include "common/banned.h"

static int compare(const void *a, const void *b)
{
	const struct sp_use *x = a, *y = b;
	int c = sp_records_order(x->agent, y->agent);

	return c ? c : sp_records_order(x->tool, y->tool);
}

static size_t names_bytes(const struct sp_records *r)
{
	size_t n = 0;

	for (uint32_t i = 0; i < r->calls_n; i++)
		n += r->call[i].upstream.n + 2 + r->call[i].tool.n + 1;
	return n;
}

/// The name without the upstream in front, or with it where the agent saw it without.
static struct sp_bytes other_name(const struct sp_recorded_call *c, uint8_t **room)
{
	size_t n = c->upstream.n;
	struct sp_out o = sp_out_init(*room, n + 2 + c->tool.n + 1);

	if (n == 0)
		return SP_NOBYTES;
	if (c->tool.n > n + 2 && sp_bytes_starts(c->tool, c->upstream) && c->tool.p[n] == '_' &&
		c->tool.p[n + 1] == '_')
		return sp_bytes(c->tool.p + n + 2, c->tool.n - n - 2);
	sp_out_bytes(&o, c->upstream);
	sp_out_lit(&o, "__");
	sp_out_bytes(&o, c->tool);
	sp_out_bytes(&o, sp_bytes("", 1));
	*room += o.len;
	return sp_bytes(o.p, o.len - 1);
}

/// The one name that means this upstream's tool and no other's.
static struct sp_bytes whole_name(const struct sp_recorded_call *c, struct sp_bytes other)
{
	return other.n > c->tool.n ? other : c->tool;
}

static bool counts(const struct sp_recorded_call *c, enum sp_uses_of of)
{
	if (of == SP_USES_GRANTED)
		return c->decision != SP_RECORDED_DENY;
	return c->decision == SP_RECORDED_ALLOW && sp_bytes_eq(c->outcome, SP_LIT("ok"));
}

static void add(struct sp_uses *u, const struct sp_recorded_call *c, struct sp_bytes agent,
	struct sp_bytes tool)
{
	enum sp_audit_level level;

	if (sp_audit_level_parse(c->audit_level, &level) < 0)
		level = SP_AUDIT_BASIC;
	u->v[u->n++] = (struct sp_use){agent, tool, 1, c->time_ns, c->time_ns, level};
}

static void sum(struct sp_uses *u)
{
	uint32_t n = 0;

	if (u->n)
		qsort(u->v, u->n, sizeof(*u->v), compare);
	for (uint32_t i = 0; i < u->n; i++) {
		struct sp_use *last = n ? &u->v[n - 1] : NULL;

		if (!last || compare(last, &u->v[i]) != 0) {
			u->v[n++] = u->v[i];
			continue;
		}
		last->calls++;
		last->first_ns = sp_min(last->first_ns, u->v[i].first_ns);
		last->last_ns = sp_max(last->last_ns, u->v[i].last_ns);
		last->level = sp_max(last->level, u->v[i].level);
	}
	u->n = n;
}

int sp_uses_sum(const struct sp_records *r, enum sp_uses_of of, uint64_t since_ns, bool whole,
	struct sp_uses *ret)
{
	struct sp_uses u = {.v = calloc(3ul * r->calls_n + 1, sizeof(*u.v)), .names = malloc(names_bytes(r) + 1)};
	uint8_t *room = u.names;

	if (!u.v || !u.names) {
		sp_uses_done(&u);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < r->calls_n; i++) {
		const struct sp_recorded_call *c = &r->call[i];
		struct sp_bytes name = other_name(c, &room);

		if (c->time_ns < since_ns || !counts(c, of))
			continue;
		add(&u, c, c->agent, whole ? c->tool : whole_name(c, name));
		if (whole)
			add(&u, c, c->agent, SP_NOBYTES);
		if (whole && name.n)
			add(&u, c, c->agent, name);
	}
	sum(&u);
	*ret = u;
	return 0;
}

int sp_uses_of_rules(const struct sp_records *r, struct sp_uses *ret)
{
	struct sp_uses u = {.v = calloc(r->calls_n + 1ul, sizeof(*u.v))};

	if (!u.v)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->calls_n; i++)
		if (r->call[i].rule.n)
			add(&u, &r->call[i], SP_NOBYTES, r->call[i].rule);
	sum(&u);
	*ret = u;
	return 0;
}

void sp_uses_done(struct sp_uses *u)
{
	free(u->v);
	free(u->names);
	*u = (struct sp_uses){0};
}

const struct sp_use *sp_uses_find(
	const struct sp_uses *u, struct sp_bytes agent, struct sp_bytes tool)
{
	struct sp_use key = {.agent = agent, .tool = tool};

	return u->n ? bsearch(&key, u->v, u->n, sizeof(key), compare) : NULL;
}

const char *sp_uses_time(uint64_t wall_ns, char buf[SP_USES_TIME])
{
	char text[80];
	struct sp_out o = sp_out_init(text, sizeof(text));

	sp_out_time(&o, wall_ns);
	memcpy(buf, text, SP_USES_TIME - 2);
	buf[SP_USES_TIME - 2] = 'Z';
	buf[SP_USES_TIME - 1] = 0;
	return buf;
}
