#include "config/snapshot_build.h"

#include "config/metadata.h"
#include "config/snapshot_format.h"
#include "config/snapshot_policy_build.h"
#include "config/snapshot_put.h"
#include "common/banned.h"

struct builder {
	struct sp_snap_put put;
	const struct sp_snap_in *in;
	struct sp_snap_header h;
};

static void refuse(struct builder *b)
{
	sp_snap_put_refuse(&b->put);
}

static struct sp_snap_str put(struct builder *b, struct sp_bytes s)
{
	return sp_snap_put_str(&b->put, s);
}

static struct sp_snap_table table(struct builder *b, uint32_t n, size_t size)
{
	return sp_snap_put_table(&b->put, n, size);
}

static void *entry(struct builder *b, struct sp_snap_table t, uint32_t i, size_t size)
{
	return sp_snap_put_entry(&b->put, t, i, size);
}

static struct sp_snap_index put_index(struct builder *b, struct sp_snap_table t, size_t size)
{
	return sp_snap_put_index(&b->put, t, size);
}

static struct sp_snap_table put_strs(struct builder *b, struct sp_snap_in_strs s)
{
	struct sp_snap_table t = table(b, s.n, sizeof(struct sp_snap_str));

	for (uint32_t i = 0; i < s.n; i++) {
		struct sp_snap_str v = put(b, s.v[i]);

		*(struct sp_snap_str *)entry(b, t, i, sizeof(v)) = v;
	}
	return t;
}

static void put_issuers(struct builder *b)
{
	const struct sp_snap_in *in = b->in;
	uint32_t keys_n = 0, key = 0;

	for (uint32_t i = 0; i < in->issuers_n; i++)
		keys_n += in->issuers[i].keys_n;
	b->h.keys = table(b, keys_n, sizeof(struct sp_snap_key));
	b->h.issuers = table(b, in->issuers_n, sizeof(struct sp_snap_issuer));
	for (uint32_t i = 0; i < in->issuers_n; i++) {
		const struct sp_snap_in_issuer *s = &in->issuers[i];
		struct sp_snap_issuer out = {
			.iss = put(b, s->iss),
			.agent_claim = put(b, s->agent_claim),
			.audiences = put_strs(b, s->audiences),
			.keys = {b->h.keys.off + key * (uint32_t)sizeof(struct sp_snap_key),
				s->keys_n},
			.algs = s->algs,
			.require_at_jwt = s->require_at_jwt,
			.leeway_ns = s->leeway_ns,
			.max_lifetime_ns = s->max_lifetime_ns,
			.keys_valid_until_ns = s->keys_valid_until_ns,
		};

		*(struct sp_snap_issuer *)entry(b, b->h.issuers, i, sizeof(out)) = out;
		for (uint32_t k = 0; k < s->keys_n; k++, key++) {
			const struct sp_snap_in_key *in_key = &s->keys[k];
			struct sp_snap_key kv = {
				put(b, in_key->kid), put(b, in_key->spki), in_key->alg, i};

			if (kv.alg < SP_ALG_RS256 || kv.alg > SP_ALG_EDDSA)
				refuse(b);
			*(struct sp_snap_key *)entry(b, b->h.keys, key, sizeof(kv)) = kv;
		}
	}
	b->h.issuers_index = put_index(b, b->h.issuers, sizeof(struct sp_snap_issuer));
}

/// Everything that makes a connection to this upstream fit for another request to it.
static uint64_t upstream_identity(const struct sp_snap_in_upstream *u)
{
	const struct sp_bytes parts[] = {
		u->name, u->host, u->path, u->server_name, u->ca_pem, u->credential};
	const uint64_t nums[] = {u->kind, u->era, u->http, u->max_connections, u->breaker_failures,
		u->connect_ns, u->response_ns, u->idle_ns, u->breaker_open_ns};
	uint64_t acc[2] = {sp_snap_hash(sp_bytes(nums, sizeof(nums))), 0};

	for (size_t i = 0; i < SP_ARRAY_LEN(parts); i++) {
		acc[1] = sp_snap_hash(parts[i]);
		acc[0] = sp_snap_hash(sp_bytes(acc, sizeof(acc)));
	}
	for (uint32_t i = 0; i < u->addrs_n; i++) {
		acc[1] = sp_snap_hash(sp_bytes(u->addr[i], u->addr_len[i]));
		acc[0] = sp_snap_hash(sp_bytes(acc, sizeof(acc)));
	}
	return acc[0];
}

static bool upstream_sane(const struct sp_snap_in_upstream *u)
{
	if (u->addrs_n > SP_UPSTREAM_ADDRS_MAX || u->kind > SP_UP_UNIX || u->era > SP_ERA_BOTH ||
		u->http > SP_UP_HTTP_2)
		return false;
	for (uint32_t i = 0; i < u->addrs_n; i++)
		if (u->addr_len[i] > sizeof(u->addr[i]))
			return false;
	return true;
}

static void put_upstreams(struct builder *b)
{
	const struct sp_snap_in *in = b->in;

	b->h.upstreams = table(b, in->upstreams_n, sizeof(struct sp_snap_upstream));
	for (uint32_t i = 0; i < in->upstreams_n; i++) {
		const struct sp_snap_in_upstream *u = &in->upstreams[i];
		struct sp_snap_upstream out = {
			.name = put(b, u->name),
			.host = put(b, u->host),
			.path = put(b, u->path),
			.server_name = put(b, u->server_name),
			.ca_pem = put(b, u->ca_pem),
			.credential = put(b, u->credential),
			.kind = u->kind,
			.era = u->era,
			.http = u->http,
			.max_connections = u->max_connections,
			.breaker_failures = u->breaker_failures,
			.connect_ns = u->connect_ns,
			.response_ns = u->response_ns,
			.idle_ns = u->idle_ns,
			.breaker_open_ns = u->breaker_open_ns,
			.addrs_n = u->addrs_n,
		};

		if (!upstream_sane(u)) {
			refuse(b);
			continue;
		}
		out.identity = upstream_identity(u);
		memcpy(out.addr_len, u->addr_len, sizeof(out.addr_len));
		memcpy(out.addr, u->addr, sizeof(out.addr));
		/* Not its padding: the same input has to give the same bytes. */
		memcpy(entry(b, b->h.upstreams, i, sizeof(out)), &out,
			offsetof(struct sp_snap_upstream, addr) + sizeof(out.addr));
	}
}

static struct sp_snap_str put_metadata(struct builder *b, const struct sp_snap_in_route *r)
{
	uint32_t n = b->in->issuers_n;
	size_t cap = 256 + 6 * (r->resource.n + r->scopes.n * 3);
	struct sp_bytes *names = calloc(n + 1, sizeof(*names));
	struct sp_snap_str v = {0};
	uint8_t *buf;

	for (uint32_t i = 0; names && i < n; i++) {
		names[i] = b->in->issuers[i].iss;
		cap += 6 * names[i].n + 3;
	}
	buf = malloc(cap);
	if (names && buf) {
		struct sp_out out = sp_out_init(buf, cap);

		sp_metadata_write(&out, r->resource, names, n, r->scopes);
		SP_BUG_IF(out.overflow);
		v = put(b, sp_bytes(buf, out.len));
	} else {
		b->put.blob.err = -ENOMEM;
	}
	free(buf);
	free(names);
	return v;
}

static struct sp_snap_str put_metadata_url(struct builder *b, struct sp_bytes resource)
{
	uint8_t buf[4096];
	struct sp_out out = sp_out_init(buf, sizeof(buf));

	if (sp_metadata_url(&out, resource) < 0 || out.overflow)
		refuse(b);
	return put(b, sp_bytes(buf, out.len));
}

static struct sp_snap_table put_numbers(
	struct builder *b, const uint32_t *v, uint32_t n, uint32_t below)
{
	struct sp_snap_table t = table(b, n, sizeof(*v));

	for (uint32_t i = 0; i < n; i++) {
		if (v[i] >= below)
			refuse(b);
		*(uint32_t *)entry(b, t, i, sizeof(*v)) = v[i];
	}
	return t;
}

static void put_routes(struct builder *b)
{
	const struct sp_snap_in *in = b->in;

	b->h.routes = table(b, in->routes_n, sizeof(struct sp_snap_route));
	for (uint32_t i = 0; i < in->routes_n; i++) {
		const struct sp_snap_in_route *r = &in->routes[i];
		struct sp_snap_route out = {
			.path = put(b, r->path),
			.resource = put(b, r->resource),
			.scopes = put(b, r->scopes),
			.metadata = put_metadata(b, r),
			.metadata_url = put_metadata_url(b, r->resource),
			.upstreams = put_numbers(b, r->upstreams, r->upstreams_n, in->upstreams_n),
			.hosts = put_strs(b, r->hosts),
			.origins = put_strs(b, r->origins),
			.methods = r->methods,
			.legacy = r->legacy,
			.modern = r->modern,
			.prefixed = r->prefixed,
			.auth_none = r->auth_none,
			.anonymous_agent = put(b, r->anonymous_agent),
		};

		if (r->auth_none && r->anonymous_agent.n == 0)
			refuse(b);
		*(struct sp_snap_route *)entry(b, b->h.routes, i, sizeof(out)) = out;
	}
}

static void put_actions(struct builder *b)
{
	const struct sp_snap_in *in = b->in;

	b->h.actions = table(b, in->actions.n, sizeof(struct sp_snap_action));
	for (uint32_t i = 0; i < in->actions.n; i++) {
		struct sp_snap_action out = {put(b, in->actions.v[i]), 0};

		if (out.name.len == 0)
			refuse(b);
		*(struct sp_snap_action *)entry(b, b->h.actions, i, sizeof(out)) = out;
	}
	b->h.actions_words = (uint32_t)((in->actions.n + 63ull) / 64);
	b->h.actions_index = put_index(b, b->h.actions, sizeof(struct sp_snap_action));
}

/// Set the agent's bits and count it at each action it may call.
static void put_grants(struct builder *b, const struct sp_snap_in_agent *a, uint32_t bits_off)
{
	uint64_t *bits = sp_blob_at(&b->put.blob, bits_off);
	struct sp_snap_action *action = sp_blob_at(&b->put.blob, b->h.actions.off);

	if (!bits || !action)
		return;
	for (uint32_t i = 0; i < a->actions_n; i++) {
		uint32_t n = a->actions[i];

		if (n >= b->h.actions.n) {
			refuse(b);
			return;
		}
		action[n].agents += !(bits[n / 64] >> (n % 64) & 1);
		bits[n / 64] |= 1ull << (n % 64);
	}
}

static void put_agents(struct builder *b)
{
	const struct sp_snap_in *in = b->in;
	size_t bytes = (size_t)b->h.actions_words * sizeof(uint64_t);
	struct sp_bytes last = SP_NOBYTES;
	struct sp_snap_str source = {sizeof(struct sp_snap_header), 0};

	b->h.agents = table(b, in->agents_n, sizeof(struct sp_snap_agent));
	for (uint32_t i = 0; i < in->agents_n; i++) {
		const struct sp_snap_in_agent *a = &in->agents[i];
		struct sp_snap_agent out = {
			.name = put(b, a->name),
			.limit_slot = a->limit_slot,
			.audit_level = a->audit_level,
			.per_minute = a->per_minute,
			.per_hour = a->per_hour,
			.per_request_tokens = a->per_request_tokens,
			.daily_tokens = a->daily_tokens,
			.actions_off = sp_blob_room(&b->put.blob, bytes, 8),
		};

		if (out.name.len == 0 || a->audit_level > SP_AUDIT_STRICT)
			refuse(b);
		if (!sp_bytes_eq(last, a->source))
			source = put(b, a->source);
		last = a->source;
		out.source = source;
		*(struct sp_snap_agent *)entry(b, b->h.agents, i, sizeof(out)) = out;
		put_grants(b, a, out.actions_off);
	}
	b->h.agents_index = put_index(b, b->h.agents, sizeof(struct sp_snap_agent));
}

static uint64_t mix(uint64_t acc, struct sp_bytes s)
{
	const uint64_t pair[2] = {acc, sp_snap_hash(s)};

	return sp_snap_hash(sp_bytes(pair, sizeof(pair)));
}

uint64_t sp_snap_auth_epoch(const struct sp_snap_in_issuer *issuers, uint32_t n)
{
	uint64_t acc = 1;

	for (uint32_t i = 0; i < n; i++) {
		const struct sp_snap_in_issuer *s = &issuers[i];
		const uint64_t nums[] = {s->algs, s->require_at_jwt, s->leeway_ns,
			s->max_lifetime_ns, s->keys_n, s->audiences.n};

		acc = mix(acc, sp_bytes(nums, sizeof(nums)));
		acc = mix(acc, s->iss);
		acc = mix(acc, s->agent_claim);
		for (uint32_t k = 0; k < s->audiences.n; k++)
			acc = mix(acc, s->audiences.v[k]);
		for (uint32_t k = 0; k < s->keys_n; k++) {
			const uint32_t alg = s->keys[k].alg;

			acc = mix(acc, s->keys[k].kid);
			acc = mix(acc, s->keys[k].spki);
			acc = mix(acc, sp_bytes(&alg, sizeof(alg)));
		}
	}
	return acc ? acc : 1;
}

static void seal(uint8_t *blob, size_t n)
{
	uint64_t sum = sp_snap_checksum(blob, n);

	memcpy(((struct sp_snap_header *)blob)->checksum, &sum, sizeof(sum));
}

static void fill_header(struct builder *b)
{
	const struct sp_snap_in *in = b->in;

	b->h.magic = SP_SNAP_MAGIC;
	b->h.layout = SP_SNAP_LAYOUT;
	b->h.generation = in->generation;
	b->h.built_ns = in->built_ns;
	b->h.auth_epoch = sp_snap_auth_epoch(in->issuers, in->issuers_n);
	memcpy(b->h.policy_sha256, in->policy_sha256, sizeof(b->h.policy_sha256));
	b->h.profile = put(b, in->profile);
	b->h.default_audit_level = in->default_audit_level;
	b->h.record_arguments = in->record_arguments;
}

/// All parts, in an order that never changes.
static void put_all(struct builder *b)
{
	fill_header(b);
	put_issuers(b);
	put_upstreams(b);
	put_routes(b);
	put_actions(b);
	put_agents(b);
	if (b->in->policy)
		sp_snap_put_policy(&b->put, b->in->policy, &b->h);
	else
		sp_snap_put_no_policy(&b->put, &b->h);
	sp_blob_room(&b->put.blob, 0, 8);
}

int sp_snap_build(const struct sp_snap_in *in, uint8_t **ret, size_t *ret_n)
{
	struct builder b = {.in = in};
	struct sp_snap check;
	int err;

	memset(&b.h, 0, sizeof(b.h));
	sp_snap_put_init(&b.put);
	put_all(&b);
	err = sp_snap_put_err(&b.put);
	if (!err) {
		b.h.bytes = (uint32_t)b.put.blob.n;
		memcpy(b.put.blob.p, &b.h, sizeof(b.h));
		seal(b.put.blob.p, b.put.blob.n);
		err = sp_snap_open(b.put.blob.p, b.put.blob.n, &check) < 0 ? -EINVAL : 0;
	}
	if (!err) {
		*ret = b.put.blob.p;
		*ret_n = b.put.blob.n;
		b.put.blob.p = NULL;
	}
	sp_snap_put_done(&b.put);
	return err;
}
