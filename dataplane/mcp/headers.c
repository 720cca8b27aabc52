#include "dataplane/mcp/headers.h"

#include "common/base64.h"
#include "common/banned.h"

#define SENTINEL "=?base64?"
#define SENTINEL_END "?="

static inline bool has(const struct sp_http_head *head, enum sp_http_header h)
{
	return head->present >> h & 1;
}

/// What a place that may name a revision says.
enum sign { SAYS_NOTHING = 0, SAYS_LEGACY, SAYS_MODERN, SAYS_OTHER };

static enum sign sign_of(bool present, struct sp_bytes text, enum sp_revision *ret)
{
	*ret = SP_REV_NONE;
	if (!present)
		return SAYS_NOTHING;
	if (sp_revision_parse(text, ret) < 0)
		return SAYS_OTHER;
	return sp_revision_modern(*ret) ? SAYS_MODERN : SAYS_LEGACY;
}

static bool version_agrees(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *j, const struct sp_envelope *e)
{
	return sp_json_str_eq(
		j, e->meta_version, sp_http_get(buf, head->header[SP_HDR_PROTOCOL_VERSION]));
}

/// What the body's _meta says, compared with the header.
enum body { BODY_NOTHING = 0, BODY_UNVERSIONED, BODY_DIFFERS, BODY_EQUALS };

static enum body body_of(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *j, const struct sp_envelope *e)
{
	if (e->meta_version != SP_JSON_NONE)
		return version_agrees(head, buf, j, e) ? BODY_EQUALS : BODY_DIFFERS;
	return e->meta_capabilities != SP_JSON_NONE ? BODY_UNVERSIONED : BODY_NOTHING;
}

enum verdict { LEGACY = 0, MODERN, LACKING, UNSUPPORTED, MISMATCH };
static const uint8_t verdicts[4][4] = {
	/*                 nothing      no version   another   the same */
	[SAYS_NOTHING] = {LEGACY, MISMATCH, MISMATCH, MISMATCH},
	[SAYS_LEGACY] = {LEGACY, MISMATCH, MISMATCH, UNSUPPORTED},
	[SAYS_MODERN] = {LACKING, LACKING, MISMATCH, MODERN},
	[SAYS_OTHER] = {UNSUPPORTED, UNSUPPORTED, MISMATCH, UNSUPPORTED},
};

/// `initialize` belongs to the legacy revisions: alone it needs no header, with a modern word it is
/// torn.
static enum verdict judge_initialize(enum sign says, enum body body)
{
	if (body != BODY_NOTHING)
		return (enum verdict)verdicts[says][body];
	return says == SAYS_MODERN ? MISMATCH : LEGACY;
}

int sp_headers_era(const struct sp_http_head *head, const uint8_t *buf, const struct sp_json *j,
	const struct sp_envelope *e, enum sp_revision *ret)
{
	bool answer = e->kind == SP_RPC_RESULT || e->kind == SP_RPC_ERROR;
	bool initialize = e->method == SP_METHOD_INITIALIZE;
	enum body body = answer ? BODY_NOTHING : body_of(head, buf, j, e);
	enum sp_revision rev;
	enum sign says = sign_of(has(head, SP_HDR_PROTOCOL_VERSION),
		sp_http_get(buf, head->header[SP_HDR_PROTOCOL_VERSION]), &rev);
	enum verdict v =
		initialize ? judge_initialize(says, body) : (enum verdict)verdicts[says][body];

	*ret = v == LEGACY ? (initialize ? SP_REV_NONE : rev) : SP_REV_2026_07_28;
	switch (v) {
	case LEGACY:
	case MODERN:
		return 0;
	case LACKING:
		if (answer)
			return SP_REASON_ENVELOPE_INVALID;
		return e->kind == SP_RPC_NOTIFICATION ? 0 : SP_REASON_META_MISSING;
	case UNSUPPORTED:
		return SP_REASON_VERSION_UNSUPPORTED;
	case MISMATCH:
		return SP_REASON_HEADER_MISMATCH;
	}
	return SP_REASON_HEADER_MISMATCH;
}

static bool is_sentinel(struct sp_bytes s)
{
	size_t open = sizeof(SENTINEL) - 1, end = sizeof(SENTINEL_END) - 1;

	return s.n >= open + end && memcmp(s.p, SENTINEL, open) == 0 &&
	       memcmp(s.p + s.n - end, SENTINEL_END, end) == 0;
}

/// Visible ASCII with blanks inside only: what a client may send unencoded.
static bool is_literal(struct sp_bytes s)
{
	if (s.n && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
		return false;
	return sp_bytes_printable(s);
}

int sp_headers_value(struct sp_bytes raw, uint8_t *buf, struct sp_bytes *ret)
{
	struct sp_bytes inside;
	size_t n;

	if (!is_sentinel(raw)) {
		if (!is_literal(raw))
			return -EILSEQ;
		*ret = raw;
		return 0;
	}
	inside = sp_bytes(raw.p + sizeof(SENTINEL) - 1,
		raw.n - (sizeof(SENTINEL) - 1) - (sizeof(SENTINEL_END) - 1));
	SP_TRY(sp_base64_decode(inside, buf, SP_HEADER_VALUE_MAX, &n));
	*ret = sp_bytes(buf, n);
	return 0;
}

void sp_headers_put_value(struct sp_out *o, struct sp_bytes value)
{
	if (is_literal(value) && !is_sentinel(value)) {
		sp_out_bytes(o, value);
		return;
	}
	sp_out_lit(o, SENTINEL);
	sp_base64_encode(o, value);
	sp_out_lit(o, SENTINEL_END);
}

static bool name_agrees(const struct sp_http_head *head, const uint8_t *buf,
	const struct sp_json *j, const struct sp_envelope *e)
{
	uint8_t decoded[SP_HEADER_VALUE_MAX];
	struct sp_bytes value;

	return sp_headers_value(sp_http_get(buf, head->header[SP_HDR_MCP_NAME]), decoded, &value) ==
		       0 &&
	       sp_json_str_eq(j, e->name, value);
}

int sp_headers_agree(const struct sp_http_head *head, const uint8_t *buf, const struct sp_json *j,
	const struct sp_envelope *e)
{
	bool request = e->kind == SP_RPC_REQUEST;
	struct sp_bytes method = sp_http_get(buf, head->header[SP_HDR_MCP_METHOD]);

	if ((request || has(head, SP_HDR_MCP_METHOD)) && !sp_bytes_eq(method, e->method_text))
		return SP_REASON_HEADER_MISMATCH;
	if (sp_method_named(e->method)) {
		bool present = has(head, SP_HDR_MCP_NAME);

		/* A request without the name itself is refused for that, later. */
		if (e->name == SP_JSON_NONE ? present
					    : (request || present) && !name_agrees(head, buf, j, e))
			return SP_REASON_HEADER_MISMATCH;
	}
	if (request && (e->meta_version == SP_JSON_NONE || e->meta_capabilities == SP_JSON_NONE))
		return SP_REASON_META_MISSING;
	return 0;
}
