/// Any lines as records: no crash; what is kept is whole, and the same when it is read again.
#include "tools/sallyctl/records.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_calls(const struct sp_records *r)
{
	for (uint32_t i = 0; i < r->calls_n; i++) {
		const struct sp_recorded_call *c = &r->call[i];

		SP_BUG_IF(c->agent.n == 0 || c->tool.n == 0 || c->risk > 100);
		SP_BUG_IF((c->decision == SP_RECORDED_ALLOW) != (c->reason == SP_REASON_NONE));
		SP_BUG_IF(i && r->call[i - 1].time_ns > c->time_ns);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_records r;
	uint32_t good = 0;

	if (sp_records_init(&r) < 0)
		return 0;
	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t n = end ? (size_t)(end - data) - at : size - at;
		struct sp_check check;
		int err;

		sp_check_init(&check);
		err = sp_records_line(&r, sp_bytes(data + at, n), (struct sp_at){"f", 1, 0}, &check);
		SP_BUG_IF((err == -EBADMSG) == sp_check_ok(&check));
		good += err == 0;
		sp_check_done(&check);
		at += n + 1;
	}
	SP_BUG_IF(r.calls_n + r.outcomes_n + r.others > good);
	sp_records_join(&r);
	check_calls(&r);
	sp_records_done(&r);
	return 0;
}
