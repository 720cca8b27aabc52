#include "dataplane/decide/stages.h"

#include "dataplane/mcp/headers.h"
#include "common/banned.h"

static void keep_raw(const struct sp_call *c, uint32_t tok, uint8_t *to, uint32_t *ret_len)
{
	struct sp_bytes raw;

	if (tok == SP_JSON_NONE)
		return;
	raw = sp_json_raw(&c->doc, tok);
	if (raw.n > SP_RAW_ID_MAX)
		return;
	memcpy(to, raw.p, raw.n);
	*ret_len = (uint32_t)raw.n;
}

/// Names go into headers, records and messages.
static bool name_ok(const struct sp_json *j, uint32_t t, struct sp_bytes name)
{
	if (!j->tok[t].escaped && sp_bytes_printable(name)) // a quote or backslash would be escaped
		return true;
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] < 0x20 || name.p[i] == 0x7f || name.p[i] == '"' || name.p[i] == '\\')
			return false;
	return true;
}

static enum sp_reason keep_name(struct sp_call *c)
{
	struct sp_bytes name;

	if (c->env.name == SP_JSON_NONE)
		return c->env.method == SP_METHOD_TOOLS_CALL || c->env.method == SP_METHOD_PROMPTS_GET ||
				c->env.method == SP_METHOD_RESOURCES_READ ?
			SP_REASON_PARAMS_INVALID :
			SP_REASON_NONE;
	if (sp_json_str(&c->doc, c->env.name, c->name, sizeof(c->name), &name) < 0)
		return SP_REASON_PARAMS_INVALID;
	if (name.n > sizeof(c->name) || !name_ok(&c->doc, c->env.name, name))
		return SP_REASON_PARAMS_INVALID;
	memmove(c->name, name.p, name.n);
	c->name_len = (uint32_t)name.n;
	return SP_REASON_NONE;
}

/// Which family of revisions the message speaks, judged by body and headers together; for a modern
/// one also that its headers repeat its body.
static enum sp_reason judge_era(struct sp_call *c)
{
	const struct sp_http_head *head = sp_http1_head(c->conn->http);
	int r = sp_headers_era(head, c->conn->in, &c->doc, &c->env, &c->revision);

	c->modern = sp_revision_modern(c->revision);
	if (r == 0 && c->modern)
		r = sp_headers_agree(head, c->conn->in, &c->doc, &c->env);
	return (enum sp_reason)r;
}

static enum sp_reason keep_log_level(struct sp_call *c)
{
	if (!c->modern || c->env.log_level == SP_JSON_NONE)
		return SP_REASON_NONE;
	c->log_level = sp_severity_parse(&c->doc, c->env.log_level);
	return c->log_level ? SP_REASON_NONE : SP_REASON_PARAMS_INVALID;
}

static enum sp_reason read_message(struct sp_call *c)
{
	const struct sp_plan *p = c->w->plan;
	enum sp_reason r;
	int e;

	sp_judge_ahead_rules(c->snap, c->conn->agent);
	if (sp_json_scan(c->body, p->max_json_depth, c->w->tok_north, p->max_json_tokens, &c->doc, NULL) < 0)
		return SP_REASON_JSON_INVALID;
	sp_count(c->w, SP_STAT_MESSAGES);
	e = sp_envelope_read(&c->doc, &c->env);
	keep_raw(c, c->env.id, c->id, &c->id_len);
	if (e)
		return (enum sp_reason)e;
	c->kind = c->env.kind;
	c->method = c->env.method;
	if (c->kind == SP_RPC_REQUEST || c->kind == SP_RPC_NOTIFICATION)
		keep_raw(c, c->env.progress_token, c->progress, &c->progress_len);
	if (c->in_batch && c->method == SP_METHOD_INITIALIZE)
		return SP_REASON_ENVELOPE_INVALID;
	r = judge_era(c);
	if (!r)
		r = keep_log_level(c);
	return r ? r : keep_name(c);
}

/// Never refuses by itself: who calls is settled first, so that a stranger learns nothing but 401.
enum sp_step sp_stage_parse(struct sp_call *c)
{
	c->parse_reason = read_message(c);
	return SP_STEP_CONTINUE;
}
