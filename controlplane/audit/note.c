#include "controlplane/audit/note.h"

#include "common/banned.h"

static enum sp_note_kind kind_of(const struct sp_record *r)
{
	if (!sp_record_has(r, SP_F_CALL) || r->b[SP_F_CALL].n != SP_CALL_ID)
		return SP_NOTE_OTHER;
	switch (r->u[SP_F_TYPE]) {
	case SP_RECORD_DECISION:
		return sp_record_has(r, SP_F_DECISION) &&
				sp_bytes_eq(r->b[SP_F_DECISION], SP_LIT("allow"))
			? SP_NOTE_OPENS
			: SP_NOTE_OTHER;
	case SP_RECORD_OUTCOME:
	case SP_RECORD_IN_DOUBT:
		return SP_NOTE_CLOSES;
	default:
		return SP_NOTE_OTHER;
	}
}

void sp_note_of(
	const struct sp_frame *f, uint64_t segment, struct sp_note *ret, struct sp_feed_entry *ret_fed)
{
	struct sp_record r;

	ret->kind = SP_NOTE_OTHER;
	ret->strict = false;
	ret->worker = f->head.worker;
	ret->epoch = f->head.epoch;
	*ret_fed = (struct sp_feed_entry){.seq = f->head.seq, .segment = segment, .off = (uint32_t)f->off};
	if (sp_record_read(f->bytes, &r) < 0 || !sp_record_has(&r, SP_F_TYPE))
		return;
	sp_feed_entry_fill(&r, ret_fed);
	if (sp_record_has(&r, SP_F_EPOCH))
		ret->epoch = (uint32_t)sp_min(r.u[SP_F_EPOCH], (uint64_t)f->head.epoch);
	ret->strict = sp_record_has(&r, SP_F_LEVEL) &&
		sp_bytes_eq(r.b[SP_F_LEVEL], SP_LIT("strict"));
	ret->kind = kind_of(&r);
	if (ret->kind != SP_NOTE_OTHER)
		memcpy(ret->call, r.b[SP_F_CALL].p, SP_CALL_ID);
}
