#include "dataplane/mcp/param_cache.h"

#include "config/snapshot.h"
#include "common/banned.h"

#define WAYS 4u
#define TOKENS_MAX 256u ///< of a schema cut down
#define DEPTH_MAX 32u

int sp_param_cache_init(struct sp_param_cache *c, uint32_t entries)
{
	c->sets = sp_max(entries / WAYS, 1u);
	c->entry = calloc((size_t)c->sets * WAYS, sizeof(*c->entry));
	return c->entry ? 0 : -ENOMEM;
}

void sp_param_cache_done(struct sp_param_cache *c)
{
	free(c->entry);
	*c = (struct sp_param_cache){0};
}

static struct sp_param_entry *set_of(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name)
{
	uint64_t h = sp_snap_hash(name) ^ upstream;

	return &c->entry[(h ^ h >> 32) % c->sets * WAYS];
}

/// The tool's entry, or NULL.
static struct sp_param_entry *find(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	uint64_t now_ns)
{
	struct sp_param_entry *set;

	if (c->until_ns <= now_ns)
		return NULL;
	set = set_of(c, upstream, name);
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].until_ns > now_ns && set[i].upstream == upstream &&
			sp_bytes_eq(sp_bytes(set[i].bytes, set[i].name_len), name))
			return &set[i];
	return NULL;
}

/// Its place: the one it has, one that is free, or the one used longest ago.
static struct sp_param_entry *place(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	uint64_t now_ns, uint64_t *evicted)
{
	struct sp_param_entry *set = set_of(c, upstream, name), *at = find(c, upstream, name, now_ns);

	if (at)
		return at;
	at = set;
	for (unsigned i = 1; i < WAYS && at->until_ns > now_ns; i++)
		if (set[i].until_ns <= now_ns || set[i].used_ns < at->used_ns)
			at = &set[i];
	*evicted += at->until_ns > now_ns;
	return at;
}

static void forget(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name, uint64_t now_ns)
{
	struct sp_param_entry *e = find(c, upstream, name, now_ns);

	if (e)
		e->until_ns = 0;
}

/// What was kept can be read again: the reader below has no more room than this.
static bool readable(struct sp_bytes text)
{
	struct sp_json_tok tok[TOKENS_MAX];
	struct sp_json schema;

	return sp_json_scan(text, DEPTH_MAX, tok, TOKENS_MAX, &schema, NULL) == 0;
}

bool sp_param_cache_learn(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	const struct sp_json *j, uint32_t input, uint64_t now_ns, uint64_t *evicted)
{
	uint8_t text[SP_PARAM_ENTRY_BYTES];
	struct sp_out o = sp_out_init(text, sizeof(text));
	struct sp_param_entry *e;
	bool asks = input != SP_JSON_NONE && sp_param_schema_asks(j, input), good = true;

	if (asks) {
		good = sp_param_schema_ok(j, input);
		if (good)
			sp_param_schema_put(&o, j, input);
		good = good && !o.overflow && name.n + o.len <= SP_PARAM_ENTRY_BYTES &&
			readable(sp_bytes(text, o.len));
	}
	if (!asks || !good) {
		forget(c, upstream, name, now_ns);
		return good;
	}
	e = place(c, upstream, name, now_ns, evicted);
	e->upstream = upstream;
	e->until_ns = c->until_ns = now_ns + SP_PARAM_KEEP_NS;
	e->used_ns = now_ns;
	e->name_len = (uint16_t)name.n;
	e->text_len = (uint16_t)o.len;
	memcpy(e->bytes, name.p, name.n);
	memcpy(e->bytes + name.n, text, o.len);
	return true;
}

int sp_param_cache_agree(struct sp_param_cache *c, uint64_t upstream, struct sp_bytes name,
	const struct sp_http_head *head, const uint8_t *buf, const struct sp_json *j,
	uint32_t arguments, uint64_t now_ns)
{
	struct sp_param_entry *e = find(c, upstream, name, now_ns);
	struct sp_json_tok tok[TOKENS_MAX];
	struct sp_json schema;

	if (!e)
		return 0;
	e->used_ns = now_ns;
	if (sp_json_scan(sp_bytes(e->bytes + e->name_len, e->text_len), DEPTH_MAX, tok, TOKENS_MAX,
		    &schema, NULL) < 0)
		return SP_REASON_HEADER_MISMATCH;
	return sp_param_headers_agree(head, buf, &schema, 0, j, arguments);
}
