/// A record that reads survives being written again.
#include "common/record.h"

#include "common/mp.h"
#include "common/banned.h"

static const struct {
	unsigned number;
	char kind;
} list[] = {
#define X(sym, key, name, kind) {key, #kind[0]},
	SP_RECORD_FIELDS(X)
#undef X
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sp_record r, again;
	static uint8_t buf[2 * SP_RECORD_MAX];
	struct sp_record_writer w;
	int n;

	if (sp_record_read(sp_bytes(data, size), &r) < 0)
		return 0;
	sp_record_begin(&w, buf, sizeof(buf));
	for (size_t i = 0; i < SP_ARRAY_LEN(list); i++) {
		enum sp_record_field f = (enum sp_record_field)list[i].number;

		if (!sp_record_has(&r, f))
			continue;
		if (list[i].kind == 'S')
			sp_record_s(&w, f, r.b[f]);
		else if (list[i].kind == 'B')
			sp_record_b(&w, f, r.b[f]);
		else
			sp_record_u(&w, f, r.u[f]);
	}
	n = sp_record_end(&w);
	if (n >= 0 && (sp_record_read(sp_bytes(buf, (size_t)n), &again) < 0 ||
			      memcmp(again.present, r.present, sizeof(r.present)) != 0))
		abort();
	return 0;
}
