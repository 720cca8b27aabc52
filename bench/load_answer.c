#include "bench/load_answer.h"

#include "common/json.h"
#include "common/banned.h"

#define TOKENS 65536u

void load_answer_begin(struct load_answer *a)
{
	size_t left = a->in.len - a->at;

	if (a->at && left)
		memmove(a->in.p, a->in.p + a->at, left);
	a->in.len = left;
	a->at = a->want = a->body.len = 0;
	a->status = 0;
	a->in_body = a->chunked = a->stream = a->closes = false;
	a->session[0] = a->reason[0] = 0;
}

void load_answer_done(struct load_answer *a)
{
	demo_buf_done(&a->in);
	demo_buf_done(&a->body);
}

/// The next line from `at`, without its end; false when it is not whole.
static bool next_line(struct load_answer *a, struct sp_bytes *ret)
{
	const uint8_t *p = a->in.p + a->at, *e = memmem(p, a->in.len - a->at, "\r\n", 2);

	if (!e)
		return false;
	*ret = sp_bytes(p, (size_t)(e - p));
	a->at += ret->n + 2;
	return true;
}

static bool field(struct sp_bytes line, struct sp_bytes name, struct sp_bytes *ret)
{
	if (line.n < name.n + 1 || line.p[name.n] != ':' || !sp_bytes_ieq(sp_bytes(line.p, name.n), name))
		return false;
	*ret = sp_bytes(line.p + name.n + 1, line.n - name.n - 1);
	while (ret->n && *ret->p == ' ')
		*ret = sp_bytes(ret->p + 1, ret->n - 1);
	return true;
}

static int take_field(struct load_answer *a, struct sp_bytes line)
{
	struct sp_bytes v;
	uint64_t n;

	if (field(line, SP_LIT("content-length"), &v)) {
		SP_TRY(sp_bytes_u64(v, &n));
		a->want = n;
	} else if (field(line, SP_LIT("transfer-encoding"), &v)) {
		a->chunked = sp_bytes_ieq(v, SP_LIT("chunked"));
	} else if (field(line, SP_LIT("content-type"), &v)) {
		a->stream = sp_bytes_starts(v, SP_LIT("text/event-stream"));
	} else if (field(line, SP_LIT("connection"), &v)) {
		a->closes = sp_bytes_ieq(v, SP_LIT("close"));
	} else if (field(line, SP_LIT("mcp-session-id"), &v) && v.n < sizeof(a->session)) {
		memcpy(a->session, v.p, v.n);
		a->session[v.n] = 0;
	}
	return 0;
}

static int take_head(struct load_answer *a)
{
	struct sp_bytes line;
	uint64_t status;

	if (!memmem(a->in.p + a->at, a->in.len - a->at, "\r\n\r\n", 4))
		return a->in.len - a->at > 65536 ? -EBADMSG : 0;
	if (!next_line(a, &line) || line.n < 12 || !sp_bytes_starts(line, SP_LIT("HTTP/1.1 ")) ||
		sp_bytes_u64(sp_bytes(line.p + 9, 3), &status) < 0)
		return -EBADMSG;
	a->status = (unsigned)status;
	while (next_line(a, &line) && line.n)
		SP_TRY(take_field(a, line));
	a->in_body = true;
	return 1;
}

static int chunk_size(struct sp_bytes line, size_t *ret)
{
	size_t n = 0;

	if (!line.n || line.n > 7)
		return -EBADMSG;
	for (size_t i = 0; i < line.n; i++) {
		uint8_t c = line.p[i] | 0x20;

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return -EBADMSG;
		n = n << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = n;
	return 0;
}

static int take_chunks(struct load_answer *a)
{
	for (;;) {
		size_t start = a->at, n;
		struct sp_bytes line;

		if (!next_line(a, &line))
			return 0;
		SP_TRY(chunk_size(line, &n));
		if (a->in.len - a->at < n + 2) {
			a->at = start;
			return 0;
		}
		demo_put(&a->body, a->in.p + a->at, n);
		a->at += n + 2;
		if (!n)
			return 1;
	}
}

int load_answer_feed(struct load_answer *a)
{
	int r = 1;

	if (!a->in_body)
		r = take_head(a);
	if (r <= 0)
		return r;
	if (a->chunked)
		return take_chunks(a);
	if (a->in.len - a->at < a->want)
		return 0;
	demo_put(&a->body, a->in.p + a->at, a->want);
	a->at += a->want;
	return 1;
}

/// The data of a stream's last event: servers send the answer there and then end the stream.
static struct sp_bytes last_event(struct sp_bytes s)
{
	struct sp_bytes found = SP_NOBYTES;

	for (size_t at = 0; at < s.n;) {
		const uint8_t *e = memchr(s.p + at, '\n', s.n - at);
		struct sp_bytes line = sp_bytes(s.p + at, e ? (size_t)(e - s.p) - at : s.n - at);

		at += line.n + 1;
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (sp_bytes_starts(line, SP_LIT("data:")))
			found = sp_bytes(line.p + 5, line.n - 5);
	}
	while (found.n && *found.p == ' ')
		found = sp_bytes(found.p + 1, found.n - 1);
	return found;
}

static void take_reason(struct load_answer *a, const struct sp_json *j, uint32_t error)
{
	uint32_t at = sp_json_get(j, sp_json_get(j, error, SP_LIT("data")), SP_LIT("reason"));
	struct sp_bytes name;

	if (sp_json_type(j, at) != SP_JSON_STRING ||
		sp_json_str(j, at, (uint8_t *)a->reason, sizeof(a->reason) - 1, &name) < 0 ||
		name.n >= sizeof(a->reason))
		return;
	memmove(a->reason, name.p, name.n);
	a->reason[name.n] = 0;
}

static enum load_verdict judge_error(const struct sp_json *j, uint32_t error, const char **why)
{
	int64_t code;

	if (sp_json_i64(j, sp_json_get(j, error, SP_LIT("code")), &code) < 0)
		code = 0;
	if (code == 403 || code == -32602)
		return ANSWER_DENIED;
	if (code == 429)
		return ANSWER_LIMITED;
	*why = "an error that is no verdict of policy";
	return ANSWER_ERROR;
}

bool load_answer_failed(const struct load_answer *a)
{
	static struct sp_json_tok tok[TOKENS];
	struct sp_bytes text = a->stream ? last_event(demo_bytes(&a->body)) : demo_bytes(&a->body);
	struct sp_json j;

	return sp_json_scan(text, 64, tok, TOKENS, &j, NULL) < 0 ||
		sp_json_get(&j, 0, SP_LIT("error")) != SP_JSON_NONE;
}

enum load_verdict load_answer_judge(struct load_answer *a, uint64_t id, const char **why)
{
	static struct sp_json_tok tok[TOKENS];
	struct sp_bytes text = a->stream ? last_event(demo_bytes(&a->body)) : demo_bytes(&a->body);
	struct sp_json j;
	uint32_t id_tok, result, error;
	int64_t got;

	*why = "the body is no strict JSON";
	if (sp_json_scan(text, 64, tok, TOKENS, &j, NULL) < 0)
		return ANSWER_ERROR;
	error = sp_json_get(&j, 0, SP_LIT("error"));
	if (error != SP_JSON_NONE)
		take_reason(a, &j, error);
	*why = "the answer is for another id";
	id_tok = sp_json_get(&j, 0, SP_LIT("id"));
	if (sp_json_i64(&j, id_tok, &got) < 0 || (uint64_t)got != id)
		return ANSWER_ERROR;
	result = sp_json_get(&j, 0, SP_LIT("result"));
	*why = "neither or both of result and error";
	if ((result == SP_JSON_NONE) == (error == SP_JSON_NONE))
		return ANSWER_ERROR;
	if (error != SP_JSON_NONE)
		return judge_error(&j, error, why);
	*why = "a result without content, or of a failed tool, or not with status 200";
	if (a->status != 200 || sp_json_type(&j, sp_json_get(&j, result, SP_LIT("content"))) != SP_JSON_ARRAY ||
		sp_json_type(&j, sp_json_get(&j, result, SP_LIT("isError"))) == SP_JSON_TRUE)
		return ANSWER_ERROR;
	a->id_at = sp_json_raw(&j, id_tok).n == ID_DIGITS
		? (uint32_t)(sp_json_raw(&j, id_tok).p - a->body.p)
		: NO_OFFSET;
	return ANSWER_OK;
}

bool load_answer_is(const struct load_answer *a, const struct load_known *k, uint64_t id)
{
	const uint8_t *p = a->body.p;
	uint32_t behind = k->id_at + ID_DIGITS;

	if (!k->body || a->status != 200 || a->body.len != k->n || memcmp(p, k->body, k->id_at) != 0 ||
		memcmp(p + behind, k->body + behind, k->n - behind) != 0)
		return false;
	for (uint32_t i = behind; i-- > k->id_at; id /= 10)
		if (p[i] != '0' + id % 10)
			return false;
	return !id;
}

void load_answer_learn(const struct load_answer *a, struct load_known *k)
{
	if (a->id_at == NO_OFFSET || a->body.len > UINT32_MAX)
		return;
	if (a->body.len > k->cap) {
		k->body = realloc(k->body, a->body.len);
		SP_BUG_IF(!k->body);
		k->cap = (uint32_t)a->body.len;
	}
	memcpy(k->body, a->body.p, a->body.len);
	k->n = (uint32_t)a->body.len;
	k->id_at = a->id_at;
}
