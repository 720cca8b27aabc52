/// Frames of the control protocol: whatever comes, reading stays inside, and what was accepted can
/// be read again, argument by argument, and shown as JSON.
#include "common/ctlmsg.h"

#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_request(struct sp_bytes body)
{
	struct sp_ctl_request r;
	struct sp_bytes s;
	uint64_t id, n;

	if (sp_ctl_request_read(body, &r, &id) < 0)
		return;
	SP_BUG_IF(r.id != id || sp_cv_check(r.args) < 0);
	if (sp_ctl_arg_str(&r, "id", &s) == 0)
		SP_BUG_IF(s.p < body.p || s.p + s.n > body.p + body.n);
	(void)!sp_ctl_arg_u64(&r, "limit", &n);
	(void)sp_ctl_arg_flag(&r, "no-follow");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t text[1 << 16];
	struct sp_out out = sp_out_init(text, sizeof(text));
	struct sp_bytes body;
	struct sp_ctl_answer a;
	int n = sp_ctl_frame(sp_bytes(data, size), SP_CTL_REQUEST_MAX, &body);

	if (n <= 0)
		return 0;
	SP_BUG_IF(body.n != (size_t)n || body.n + SP_CTL_HEAD_BYTES > size);
	use_request(body);
	if (sp_ctl_answer_read(body, &a) == 0)
		sp_cv_json(a.data, &out);
	return 0;
}
