#include "common/ctlmsg.h"

#include "common/banned.h"

int sp_ctl_frame(struct sp_bytes in, size_t max, struct sp_bytes *ret_body)
{
	uint32_t n;

	if (in.n < SP_CTL_HEAD_BYTES)
		return 0;
	n = (uint32_t)in.p[0] | (uint32_t)in.p[1] << 8 | (uint32_t)in.p[2] << 16 |
	    (uint32_t)in.p[3] << 24;
	if (n == 0 || n > max)
		return -EMSGSIZE;
	if (in.n - SP_CTL_HEAD_BYTES < n)
		return 0;
	*ret_body = sp_bytes(in.p + SP_CTL_HEAD_BYTES, n);
	return (int)n;
}

static int member(
	struct sp_bytes map, const char *name, enum sp_cv_type type, struct sp_cv_value *ret)
{
	struct sp_bytes value;
	struct sp_cv_value v;

	SP_TRY(sp_cv_get(map, sp_bytes_cstr(name), &value));
	SP_TRY(sp_cv_next(&value, &v));
	if (v.type != type)
		return -EINVAL;
	*ret = v;
	return 0;
}

/// What opens every message: one checked map of our version, with an id.
static int envelope(struct sp_bytes body, uint64_t *ret_id)
{
	struct sp_cv_value v, id;

	if (sp_cv_check(body) < 0 || member(body, "v", SP_CV_UINT, &v) < 0 ||
		member(body, "id", SP_CV_UINT, &id) < 0)
		return -EBADMSG;
	*ret_id = id.u;
	return v.u == SP_CTL_VERSION ? 0 : -EPROTONOSUPPORT;
}

int sp_ctl_request_read(struct sp_bytes body, struct sp_ctl_request *ret, uint64_t *ret_id)
{
	struct sp_ctl_request r;
	struct sp_cv_value cmd, args;
	uint64_t id = 0;
	int err = envelope(body, &id);

	if (err != -EBADMSG)
		*ret_id = id;
	if (err < 0)
		return err;
	r.id = id;
	if (member(body, "cmd", SP_CV_STR, &cmd) < 0 || cmd.s.n == 0 ||
		member(body, "args", SP_CV_MAP, &args) < 0)
		return -EBADMSG;
	r.command = cmd.s;
	SP_TRY(sp_cv_get(body, SP_LIT("args"), &r.args));
	*ret = r;
	return 0;
}

int sp_ctl_arg_str(const struct sp_ctl_request *r, const char *name, struct sp_bytes *ret)
{
	struct sp_cv_value v;

	SP_TRY(member(r->args, name, SP_CV_STR, &v));
	*ret = v.s;
	return 0;
}

int sp_ctl_arg_u64(const struct sp_ctl_request *r, const char *name, uint64_t *ret)
{
	struct sp_cv_value v;

	SP_TRY(member(r->args, name, SP_CV_UINT, &v));
	*ret = v.u;
	return 0;
}

int sp_ctl_arg_raw(const struct sp_ctl_request *r, const char *name, struct sp_bytes *ret)
{
	return sp_cv_get(r->args, sp_bytes_cstr(name), ret);
}

bool sp_ctl_arg_flag(const struct sp_ctl_request *r, const char *name)
{
	struct sp_cv_value v;

	return member(r->args, name, SP_CV_BOOL, &v) == 0 && v.u;
}

int sp_ctl_answer_read(struct sp_bytes body, struct sp_ctl_answer *ret)
{
	struct sp_ctl_answer a = {0};
	struct sp_cv_value more, code, error;

	if (envelope(body, &a.id) < 0 || member(body, "more", SP_CV_BOOL, &more) < 0 ||
		member(body, "code", SP_CV_UINT, &code) < 0 ||
		member(body, "error", SP_CV_STR, &error) < 0 ||
		sp_cv_get(body, SP_LIT("data"), &a.data) < 0)
		return -EBADMSG;
	a.more = more.u;
	a.code = code.u;
	a.error = error.s;
	*ret = a;
	return 0;
}

/// Room for the length, then the map every message is.
static void begin(struct sp_cv_out *o, uint64_t id)
{
	static const char head[SP_CTL_HEAD_BYTES];

	o->frame = o->buf.size;
	if (msgpack_sbuffer_write(&o->buf, head, sizeof(head)) < 0)
		o->failed = true;
	sp_cv_put_map(o);
	sp_cv_put_str(o, "v");
	sp_cv_put_u64(o, SP_CTL_VERSION);
	sp_cv_put_str(o, "id");
	sp_cv_put_u64(o, id);
}

void sp_ctl_request_begin(struct sp_cv_out *o, uint64_t id, struct sp_bytes command)
{
	begin(o, id);
	sp_cv_put_str(o, "cmd");
	sp_cv_put_bytes(o, command);
	sp_cv_put_str(o, "args");
}

static void answer_begin(
	struct sp_cv_out *o, uint64_t id, bool more, uint64_t code, const char *error)
{
	begin(o, id);
	sp_cv_put_str(o, "more");
	sp_cv_put_bool(o, more);
	sp_cv_put_str(o, "code");
	sp_cv_put_u64(o, code);
	sp_cv_put_str(o, "error");
	sp_cv_put_str(o, error);
	sp_cv_put_str(o, "data");
}

void sp_ctl_answer_begin(struct sp_cv_out *o, uint64_t id, bool more, uint64_t code)
{
	answer_begin(o, id, more, code, "");
}

int sp_ctl_answer_error(struct sp_cv_out *o, uint64_t id, uint64_t code, const char *error)
{
	char text[8192];
	size_t n = sp_min(strlen(error), sizeof(text) - 1);

	// an error may quote what a peer or a file said: plain ASCII and new lines are kept
	for (size_t i = 0; i < n; i++)
		text[i] =
			(char)((error[i] >= 0x20 && error[i] < 0x7f) || error[i] == '\n' ? error[i]
											 : '?');
	text[n] = 0;
	answer_begin(o, id, false, code, text);
	sp_cv_put_nil(o);
	return sp_ctl_frame_end(o, SP_CTL_ANSWER_MAX);
}

int sp_ctl_frame_end(struct sp_cv_out *o, size_t max)
{
	size_t n;

	sp_cv_put_end(o);
	SP_BUG_IF(o->depth != 0);
	if (o->failed)
		return -ENOMEM;
	n = o->buf.size - o->frame - SP_CTL_HEAD_BYTES;
	if (n > max)
		return -EMSGSIZE;
	for (unsigned i = 0; i < SP_CTL_HEAD_BYTES; i++)
		o->buf.data[o->frame + i] = (char)(uint8_t)(n >> (8 * i));
	return 0;
}
