#include "common/reason.h"
#include "common/banned.h"

static const struct sp_reason_info infos[] = {
#define X(sym, number, http, rpc, name, text) {number, http, rpc, name, text},
	SP_REASONS(X)
#undef X
};

const struct sp_reason_info *sp_reason_info(unsigned number)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(infos); i++)
		if (infos[i].number == number)
			return &infos[i];
	return sp_reason_info(SP_REASON_INTERNAL);
}

int sp_reason_find(struct sp_bytes name, enum sp_reason *ret)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(infos); i++) {
		if (sp_bytes_eq(name, sp_bytes_cstr(infos[i].name))) {
			*ret = (enum sp_reason)infos[i].number;
			return 0;
		}
	}
	return -ENOENT;
}
