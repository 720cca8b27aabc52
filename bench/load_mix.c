#include "bench/load_mix.h"

#include "tools/demo/buf.h"

#include <stdio.h>
#include "common/banned.h"

static const char *const expect_names[] = {"ok", "denied", "limited", "any"};

static const struct {
	const char *mix;
	struct load_item item;
} built_in[] = {
	{"bench", {"read_customer_data", "{\"customer_id\":\"C-1007\"}", EXPECT_OK, 60}},
	{"bench", {"update_order_status", "{\"order_id\":\"O-5021\",\"status\":\"shipped\"}", EXPECT_OK, 25}},
	{"bench", {"send_email_notification",
			  "{\"customer_id\":\"C-1012\",\"subject\":\"Your order\",\"body\":\"It is on its way.\"}",
			  EXPECT_OK, 15}},
	{"support", {"read_customer_data", "{\"customer_id\":\"C-1003\"}", EXPECT_OK, 50}},
	{"support", {"update_order_status", "{\"order_id\":\"O-5040\",\"status\":\"paid\"}", EXPECT_OK, 24}},
	{"support", {"send_email_notification",
			    "{\"customer_id\":\"C-1030\",\"subject\":\"Hello\",\"body\":\"Thank you.\"}",
			    EXPECT_OK, 18}},
	{"support", {"read_financial_data", "{\"account_id\":\"A-2001\"}", EXPECT_DENIED, 5}},
	{"support", {"refund_payment", "{\"order_id\":\"O-5001\"}", EXPECT_DENIED, 3}},
	{"analyst", {"read_financial_data", "{\"account_id\":\"A-2004\"}", EXPECT_OK, 55}},
	{"analyst", {"query_transactions", "{\"account_id\":\"A-2007\",\"limit\":6}", EXPECT_OK, 35}},
	{"analyst", {"update_financial_data", "{\"account_id\":\"A-2004\",\"amount_cents\":100}",
			    EXPECT_DENIED, 10}},
	{"risk", {"query_transactions", "{\"account_id\":\"A-2011\"}", EXPECT_OK, 60}},
	{"risk", {"read_customer_data", "{\"customer_id\":\"C-1040\"}", EXPECT_DENIED, 15}},
	{"risk", {"refund_payment", "{\"order_id\":\"O-5002\"}", EXPECT_DENIED, 15}},
	{"risk", {"delete_everything", "{}", EXPECT_DENIED, 10}},
	{"echo", {"echo", "{\"text\":\"hello\"}", EXPECT_OK, 100}},
};

const char *load_expect_name(enum load_expect e)
{
	return expect_names[e];
}

static int parse_expect(const char *s, enum load_expect *ret)
{
	for (unsigned i = 0; i < SP_ARRAY_LEN(expect_names); i++)
		if (strcmp(s, expect_names[i]) == 0) {
			*ret = (enum load_expect)i;
			return 0;
		}
	return -EINVAL;
}

static struct load_mix *mix_find(struct load_plan *p, const char *name)
{
	for (unsigned i = 0; i < p->mixes_n; i++)
		if (strcmp(p->mix[i].name, name) == 0)
			return &p->mix[i];
	return NULL;
}

static struct load_mix *mix_add(struct load_plan *p, const char *name)
{
	struct load_mix *m;

	if (p->mixes_n == MIXES_MAX)
		return NULL;
	m = &p->mix[p->mixes_n++];
	*m = (struct load_mix){0};
	snprintf(m->name, sizeof(m->name), "%s", name);
	return m;
}

/// Spread the items over the turns so that each comes as evenly as its weight allows.
static void mix_spread(struct load_mix *m)
{
	int64_t credit[MIX_ITEMS_MAX] = {0}, total = 0;

	for (unsigned i = 0; i < m->items_n; i++)
		total += m->item[i].weight;
	for (unsigned t = 0; t < MIX_SLOTS; t++) {
		unsigned best = 0;

		for (unsigned i = 0; i < m->items_n; i++) {
			credit[i] += m->item[i].weight;
			if (credit[i] > credit[best])
				best = i;
		}
		credit[best] -= total;
		m->turn[t] = (uint8_t)best;
	}
}

void load_plan_init(struct load_plan *p)
{
	*p = (struct load_plan){.era = ERA_MODERN};
	for (size_t i = 0; i < SP_ARRAY_LEN(built_in); i++) {
		struct load_mix *m = mix_find(p, built_in[i].mix);

		if (!m)
			m = mix_add(p, built_in[i].mix);
		m->item[m->items_n++] = built_in[i].item;
	}
	for (unsigned i = 0; i < p->mixes_n; i++)
		mix_spread(&p->mix[i]);
}

static int mix_line(struct load_mix *m, const char *line)
{
	struct load_item *item = &m->item[m->items_n];
	char weight[8], expect[16];
	uint64_t w;

	if (m->items_n == MIX_ITEMS_MAX)
		return -E2BIG;
	if (sscanf(line, "%7s %15s %63s %1023[^\n]", weight, expect, item->tool, item->arguments) != 4 ||
		item->arguments[0] != '{')
		return -EINVAL;
	SP_TRY(sp_bytes_u64(sp_bytes_cstr(weight), &w));
	SP_TRY(parse_expect(expect, &item->expect));
	if (!w || w > 100000)
		return -EINVAL;
	item->weight = (unsigned)w;
	m->items_n++;
	return 0;
}

int load_plan_mix_file(struct load_plan *p, const char *name, const char *path)
{
	struct load_mix *m = mix_find(p, name);
	FILE *f = fopen(path, "re");
	char line[2048];
	unsigned n = 0;
	int r = 0;

	if (!f || (!m && !(m = mix_add(p, name)))) {
		fprintf(stderr, "sallyport-load: %s: %s\n", path, f ? "too many mixes" : strerror(errno));
		if (f)
			fclose(f);
		return -EINVAL;
	}
	m->items_n = 0;
	while (!r && fgets(line, sizeof(line), f)) {
		n++;
		if (line[0] != '#' && line[0] != '\n')
			r = mix_line(m, line);
	}
	fclose(f);
	if (r || !m->items_n) {
		fprintf(stderr, "sallyport-load: %s:%u: want `weight ok|denied|limited|any tool {arguments}`\n",
			path, n);
		return -EINVAL;
	}
	mix_spread(m);
	return 0;
}

static int agent_add(struct load_plan *p, const char *name, const char *token, const char *mix)
{
	struct load_agent *a;

	if (p->agents_n == AGENTS_MAX)
		return -E2BIG;
	p->agent = realloc(p->agent, (p->agents_n + 1) * sizeof(*p->agent));
	SP_BUG_IF(!p->agent);
	a = &p->agent[p->agents_n];
	*a = (struct load_agent){.mix = mix_find(p, mix)};
	if (!a->mix)
		return -ENOENT;
	snprintf(a->name, sizeof(a->name), "%s", name);
	if (token && strcmp(token, "-") != 0)
		a->token = strdup(token);
	p->agents_n++;
	return 0;
}

int load_plan_agents_file(struct load_plan *p, const char *path, const char *mix)
{
	FILE *f = fopen(path, "re");
	static char line[8192], token[8000];
	unsigned n = 0;
	int r = f ? 0 : -errno;

	while (!r && fgets(line, sizeof(line), f)) {
		char name[64], own[32] = "";

		n++;
		if (line[0] == '#' || line[0] == '\n')
			continue;
		r = sscanf(line, "%63s %7999s %31s", name, token, own) >= 2
			? agent_add(p, name, token, own[0] ? own : mix)
			: -EINVAL;
	}
	if (f)
		fclose(f);
	if (!r && !p->agents_n)
		r = -ENODATA;
	if (r)
		fprintf(stderr, "sallyport-load: %s:%u: want `agent token [mix]`: %s\n", path, n, strerror(-r));
	return r;
}

int load_plan_anonymous(struct load_plan *p, const char *mix)
{
	int r = agent_add(p, "anonymous", NULL, mix);

	if (r)
		fprintf(stderr, "sallyport-load: no mix '%s'\n", mix);
	return r;
}

static void render_body(const struct load_plan *p, const struct load_item *item, struct load_request *r)
{
	struct demo_buf b = {0};

	demo_lit(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
	r->id_at = (uint32_t)b.len;
	demo_lit(&b, "0000000");
	demo_printf(&b, ",\"method\":\"tools/call\",\"params\":{\"name\":\"%s\",\"arguments\":{", item->tool);
	r->ref_at = NO_OFFSET;
	if (p->ref) {
		demo_printf(&b, "\"call_ref\":\"%s-", p->ref);
		r->ref_at = (uint32_t)b.len;
		demo_lit(&b, "00000000\"");
		if (strcmp(item->arguments, "{}") != 0)
			demo_lit(&b, ",");
	}
	demo_put_bytes(&b, sp_bytes_cstr(item->arguments + 1));
	if (p->era == ERA_MODERN)
		demo_lit(&b, ",\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","
			     "\"io.modelcontextprotocol/clientCapabilities\":{}}");
	demo_lit(&b, "}}");
	r->body = b.p;
	r->body_n = (uint32_t)b.len;
}

static void render(const struct load_plan *p, const struct load_agent *a, const struct load_item *item,
	struct load_request *r)
{
	struct demo_buf h = {0};

	render_body(p, item, r);
	demo_printf(&h, "POST %s HTTP/1.1\r\nHost: %s\r\n", p->path, p->host);
	demo_lit(&h, "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n");
	if (a->token) {
		demo_lit(&h, "Authorization: Bearer ");
		demo_put_bytes(&h, sp_bytes_cstr(a->token));
		demo_lit(&h, "\r\n");
	}
	if (p->era == ERA_MODERN)
		demo_printf(&h, "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: %s\r\n",
			item->tool);
	else
		demo_lit(&h, "MCP-Protocol-Version: 2025-11-25\r\n");
	demo_printf(&h, "Content-Length: %u\r\n", r->body_n);
	r->head = h.p;
	r->head_n = (uint32_t)h.len;
}

void load_plan_render(struct load_plan *p)
{
	for (unsigned i = 0; i < p->agents_n; i++)
		for (unsigned k = 0; k < p->agent[i].mix->items_n; k++)
			render(p, &p->agent[i], &p->agent[i].mix->item[k], &p->agent[i].request[k]);
}

void load_plan_done(struct load_plan *p)
{
	for (unsigned i = 0; i < p->agents_n; i++) {
		struct load_agent *a = &p->agent[i];

		for (unsigned k = 0; k < a->mix->items_n; k++) {
			free(a->request[k].head);
			free(a->request[k].body);
		}
		free(a->token);
	}
	free(p->agent);
	for (unsigned i = 0; i < p->mixes_n; i++)
		for (unsigned k = 0; k < p->mix[i].items_n; k++)
			free(p->mix[i].known[k].body);
}
