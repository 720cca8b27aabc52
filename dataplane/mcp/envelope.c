#include "dataplane/mcp/envelope.h"

#include "common/banned.h"

#define ID_MAX 256u
#define ID_INT_MAX (1ll << 53)

static const struct {
	struct sp_bytes text, name;
	unsigned flags;
} methods[SP_METHOD__COUNT] = {
	[SP_METHOD_OTHER] = {{(const uint8_t *)"", 0}, {(const uint8_t *)"", 0}, 0},
#define X(sym, t, n, f) [SP_METHOD_##sym] = {SP_LIT(t), SP_LIT(n), f},
	SP_METHODS(X)
#undef X
};

struct sp_bytes sp_method_name(enum sp_method m)
{
	return methods[m < SP_METHOD__COUNT ? m : SP_METHOD_OTHER].text;
}

unsigned sp_method_flags(enum sp_method m)
{
	return m < SP_METHOD__COUNT ? methods[m].flags : 0;
}

bool sp_method_named(enum sp_method m)
{
	return m < SP_METHOD__COUNT && methods[m].name.n;
}

/// Everything one pass over the interesting objects finds: token of each member or NONE.
struct reading {
	struct sp_envelope *e;
	uint32_t jsonrpc, method;
	uint32_t name, uri;
	uint32_t token; ///< params.progressToken
	uint32_t code, message;
	bool alike; ///< a member that readers without regard to case take for one of ours
};

/// Equal to a literal: lengths known when compiled, so that most keys cost one comparison.
#define IS(s, text) ((s).n == sizeof(text) - 1 && memcmp((s).p, text, sizeof(text) - 1) == 0)

/// Where the member of that name is noted, or NULL. One function for each object that is looked
/// into.
typedef uint32_t *member_fn(struct reading *r, struct sp_bytes key);

static inline uint32_t *message_member(struct reading *r, struct sp_bytes key)
{
	return IS(key, "jsonrpc")  ? &r->jsonrpc
	       : IS(key, "id")     ? &r->e->id
	       : IS(key, "method") ? &r->method
	       : IS(key, "params") ? &r->e->params
	       : IS(key, "result") ? &r->e->result
	       : IS(key, "error")  ? &r->e->error
				   : NULL;
}

static inline uint32_t *params_member(struct reading *r, struct sp_bytes key)
{
	return IS(key, "_meta")           ? &r->e->meta
	       : IS(key, "name")          ? &r->name
	       : IS(key, "uri")           ? &r->uri
	       : IS(key, "arguments")     ? &r->e->arguments
	       : IS(key, "cursor")        ? &r->e->cursor
	       : IS(key, "requestId")     ? &r->e->request_id
	       : IS(key, "progressToken") ? &r->token
					  : NULL;
}

/// Of these a second spelling would be a second message: which one counts depends on who reads it.
static const struct sp_bytes message_names[] = {SP_LIT("jsonrpc"), SP_LIT("id"), SP_LIT("method"),
	SP_LIT("params"), SP_LIT("result"), SP_LIT("error")};
static const struct sp_bytes params_names[] = {SP_LIT("_meta"), SP_LIT("name"), SP_LIT("uri"),
	SP_LIT("arguments"), SP_LIT("cursor"), SP_LIT("requestId"), SP_LIT("progressToken")};

static inline uint32_t *meta_member(struct reading *r, struct sp_bytes key)
{
	return IS(key, "progressToken")                                ? &r->e->progress_token
	       : IS(key, "traceparent")                                ? &r->e->traceparent
	       : IS(key, "io.modelcontextprotocol/protocolVersion")    ? &r->e->meta_version
	       : IS(key, "io.modelcontextprotocol/clientCapabilities") ? &r->e->meta_capabilities
	       : IS(key, "io.modelcontextprotocol/logLevel")           ? &r->e->log_level
								       : NULL;
}

static inline uint32_t *result_member(struct reading *r, struct sp_bytes key)
{
	return IS(key, "_meta")        ? &r->e->meta
	       : IS(key, "isError")    ? &r->e->is_error
	       : IS(key, "resultType") ? &r->e->result_type
	       : IS(key, "cacheScope") ? &r->e->cache_scope
	       : IS(key, "ttlMs")      ? &r->e->ttl_ms
				       : NULL;
}

static inline uint32_t *error_member(struct reading *r, struct sp_bytes key)
{
	return IS(key, "code") ? &r->code : IS(key, "message") ? &r->message : NULL;
}

static __attribute__((noinline)) bool is_alike(
	const struct sp_json *j, uint32_t key, const struct sp_bytes *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sp_json_str_alike(j, key, names[i]))
			return true;
	return false;
}

/// Note the members of object `obj` that `member` names. Keys are unique: the scan saw to it. A key
/// that unescapes to more than the buffer is none of ours. `names` are those that may have no double.
static inline __attribute__((always_inline)) void find(
	struct reading *r, const struct sp_json *j, uint32_t obj, member_fn *member,
	const struct sp_bytes *names, size_t names_n)
{
	uint32_t end = j->tok[obj].next;

	for (uint32_t k = obj + 1; k < end; k = j->tok[k + 1].next) {
		struct sp_bytes key = sp_json_span(j, k);
		uint8_t buf[64];
		uint32_t *at;

		if (sp_unlikely(j->tok[k].escaped) && sp_json_str(j, k, buf, sizeof(buf), &key) < 0)
			continue;
		at = member(r, key);
		if (at)
			*at = k + 1;
		else if (names_n && is_alike(j, k, names, names_n))
			r->alike = true;
	}
}

#define ID_DIGITS 15u ///< fewer than 2^53 has

/// No sign, fraction or exponent in the 4 to ID_DIGITS bytes of a number that the scan let pass: nothing else in one
/// has a digit's upper half. The last bytes overlap the first.
static bool only_digits(struct sp_bytes s)
{
	const uint64_t upper = 0xf0f0f0f0f0f0f0f0u, digits = 0x3030303030303030u;
	uint64_t half[2];
	uint32_t quarter[2];

	if (s.n < 8) {
		memcpy(&quarter[0], s.p, 4);
		memcpy(&quarter[1], s.p + s.n - 4, 4);
		return (((uint64_t)quarter[0] << 32 | quarter[1]) & upper) == digits;
	}
	memcpy(&half[0], s.p, 8);
	memcpy(&half[1], s.p + s.n - 8, 8);
	return (half[0] & upper) == digits && (half[1] & upper) == digits;
}

/// A request id or progress token: a string of 1..256 bytes as written, or a plain integer within
/// +-2^53.
static bool id_ok(const struct sp_json *j, uint32_t t)
{
	struct sp_bytes s = sp_json_span(j, t);
	int64_t v;

	if (j->tok[t].type == SP_JSON_STRING)
		return s.n >= 1 && s.n <= ID_MAX;
	if (j->tok[t].type == SP_JSON_NUMBER && s.n >= 4 && s.n <= ID_DIGITS && only_digits(s))
		return true;
	if (sp_json_i64(j, t, &v) != 0 || (v == 0 && s.n > 1))
		return false;
	return v >= -ID_INT_MAX && v <= ID_INT_MAX;
}

static enum sp_method find_method(const struct sp_json *j, uint32_t t)
{
	struct sp_bytes s = SP_NOBYTES;
	uint8_t buf[64];

	if (sp_json_str(j, t, buf, sizeof(buf), &s) < 0)
		return SP_METHOD_OTHER;
	if (IS(s, "tools/call")) // most are
		return SP_METHOD_TOOLS_CALL;
#define X(sym, text, name, flags)                                                                  \
	if (IS(s, text))                                                                           \
		return SP_METHOD_##sym;
	SP_METHODS(X)
#undef X
	return SP_METHOD_OTHER;
}

/// A member that is absent, or of the type it must have. One of a method that is not ours is not
/// judged, only left out.
static bool settle(const struct sp_json *j, uint32_t *t, enum sp_json_type type, bool known)
{
	if (*t == SP_JSON_NONE || j->tok[*t].type == type)
		return true;
	*t = SP_JSON_NONE;
	return !known;
}

static bool settle_id(const struct sp_json *j, uint32_t *t, bool known)
{
	if (*t == SP_JSON_NONE || id_ok(j, *t))
		return true;
	*t = SP_JSON_NONE;
	return !known;
}

static int read_meta(struct reading *r, const struct sp_json *j, bool known)
{
	struct sp_envelope *e = r->e;

	if (e->meta == SP_JSON_NONE)
		return 0;
	if (j->tok[e->meta].type != SP_JSON_OBJECT) {
		e->meta = SP_JSON_NONE;
		return SP_REASON_PARAMS_INVALID;
	}
	find(r, j, e->meta, meta_member, NULL, 0);
	if (!settle_id(j, &e->progress_token, known) ||
		!settle(j, &e->traceparent, SP_JSON_STRING, known) ||
		!settle(j, &e->log_level, SP_JSON_STRING, known) ||
		!settle(j, &e->meta_version, SP_JSON_STRING, true) ||
		!settle(j, &e->meta_capabilities, SP_JSON_OBJECT, true))
		return SP_REASON_PARAMS_INVALID;
	return 0;
}

static int read_params(struct reading *r, const struct sp_json *j)
{
	struct sp_envelope *e = r->e;
	bool known = e->method != SP_METHOD_OTHER;
	struct sp_bytes named = methods[e->method].name;
	int why;

	if (e->params == SP_JSON_NONE)
		return 0;
	if (j->tok[e->params].type != SP_JSON_OBJECT) {
		e->params = SP_JSON_NONE;
		return SP_REASON_PARAMS_INVALID;
	}
	find(r, j, e->params, params_member, params_names, SP_ARRAY_LEN(params_names));
	if (r->alike)
		return SP_REASON_PARAMS_INVALID;
	if (named.n)
		e->name = sp_bytes_eq(named, SP_LIT("uri")) ? r->uri : r->name;
	if (e->method != SP_METHOD_N_CANCELLED)
		e->request_id = SP_JSON_NONE;
	why = read_meta(r, j, known);
	if (why)
		return why;
	if (e->method == SP_METHOD_N_PROGRESS)
		e->progress_token = r->token;
	if (!settle(j, &e->name, SP_JSON_STRING, known) ||
		!settle(j, &e->arguments, SP_JSON_OBJECT, known) ||
		!settle(j, &e->cursor, SP_JSON_STRING, known) ||
		!settle_id(j, &e->request_id, known) || !settle_id(j, &e->progress_token, known))
		return SP_REASON_PARAMS_INVALID;
	return 0;
}

/// A method with an id is a request, without one a notification; ours must come as what they are.
static int read_call(struct reading *r, const struct sp_json *j, bool has_id)
{
	struct sp_envelope *e = r->e;
	unsigned flags;

	if (j->tok[r->method].type != SP_JSON_STRING || e->result != SP_JSON_NONE ||
		e->error != SP_JSON_NONE || (has_id && e->id == SP_JSON_NONE))
		return SP_REASON_ENVELOPE_INVALID;
	e->kind = has_id ? SP_RPC_REQUEST : SP_RPC_NOTIFICATION;
	e->method = find_method(j, r->method);
	e->method_text = e->method ? methods[e->method].text : sp_json_span(j, r->method);
	flags = methods[e->method].flags;
	if (e->method && !(flags & SP_M_NOTE) != has_id)
		return SP_REASON_ENVELOPE_INVALID;
	return read_params(r, j);
}

static int read_answer(struct reading *r, const struct sp_json *j)
{
	struct sp_envelope *e = r->e;
	int64_t code;

	if (e->params != SP_JSON_NONE || (e->result == SP_JSON_NONE) == (e->error == SP_JSON_NONE))
		return SP_REASON_ENVELOPE_INVALID;
	if (e->result != SP_JSON_NONE) {
		e->kind = SP_RPC_RESULT;
		if (j->tok[e->result].type != SP_JSON_OBJECT || e->id == SP_JSON_NONE)
			return SP_REASON_ENVELOPE_INVALID;
		find(r, j, e->result, result_member, NULL, 0);
		settle(j, &e->meta, SP_JSON_OBJECT, false);
		return 0;
	}
	e->kind = SP_RPC_ERROR;
	if (j->tok[e->error].type != SP_JSON_OBJECT)
		return SP_REASON_ENVELOPE_INVALID;
	find(r, j, e->error, error_member, NULL, 0);
	if (sp_json_i64(j, r->code, &code) != 0 || sp_json_type(j, r->message) != SP_JSON_STRING)
		return SP_REASON_ENVELOPE_INVALID;
	return 0;
}

static int read_message(struct reading *r, const struct sp_json *j)
{
	struct sp_envelope *e = r->e;
	uint32_t id;
	int why;

	if (sp_json_type(j, 0) == SP_JSON_ARRAY)
		return SP_REASON_BATCH_REFUSED;
	if (sp_json_type(j, 0) != SP_JSON_OBJECT)
		return SP_REASON_ENVELOPE_INVALID;
	find(r, j, 0, message_member, message_names, SP_ARRAY_LEN(message_names));
	id = e->id;
	settle_id(j, &e->id, true);
	if (r->alike || !sp_json_str_eq(j, r->jsonrpc, SP_LIT("2.0")))
		return SP_REASON_ENVELOPE_INVALID;
	if (r->method != SP_JSON_NONE)
		return read_call(r, j, id != SP_JSON_NONE);
	why = read_answer(r, j);
	if (why || e->id == id)
		return why;
	if (e->kind != SP_RPC_ERROR || sp_json_type(j, id) != SP_JSON_NULL)
		return SP_REASON_ENVELOPE_INVALID;
	e->id = id;
	return 0;
}

int sp_envelope_read(const struct sp_json *j, struct sp_envelope *ret)
{
	struct reading r;

	/* SP_JSON_NONE in every token */
	memset(&r, 0xff, sizeof(r));
	memset(ret, 0xff, sizeof(*ret));
	r.e = ret;
	r.alike = false;
	ret->kind = (enum sp_rpc_kind)0;
	ret->method = SP_METHOD_OTHER;
	ret->method_text = SP_NOBYTES;
	return read_message(&r, j);
}
