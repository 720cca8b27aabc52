#include "controlplane/control/acts.h"

#include "common/clock.h"
#include "common/record.h"

#include "common/banned.h"

int sp_acts_init(
	struct sp_acts *a, struct sp_root *root, const struct sp_shm *channel, int audit_event)
{
	*a = (struct sp_acts){.root = root, .number = root->workers, .audit_event = audit_event};
	return sp_channel_attach_worker(channel, &a->channel);
}

bool sp_acts_room(struct sp_acts *a)
{
	return sp_channel_reserve(&a->channel, SP_RECORD_MAX) != NULL;
}

int sp_acts_record(struct sp_acts *a, const struct sp_act *act)
{
	uint8_t *room = sp_channel_reserve(&a->channel, SP_RECORD_MAX);
	const uint64_t one = 1;
	struct sp_record_writer w;
	int n;

	if (!room) {
		a->lost++;
		return -ENOBUFS;
	}
	sp_record_begin(&w, room, SP_RECORD_MAX);
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_ADMIN);
	sp_record_u(&w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_u(&w, SP_F_BOOT, sp_clock_boot_ns());
	sp_record_u(&w, SP_F_WORKER, a->number);
	sp_record_u(&w, SP_F_EPOCH, atomic_load(&a->root->control.epoch));
	sp_record_b(&w, SP_F_NODE, sp_bytes(a->root->boot_id, sizeof(a->root->boot_id)));
	sp_record_s(&w, SP_F_METHOD, sp_bytes_cstr(act->act));
	sp_record_s(&w, SP_F_ACTOR, sp_bytes_cstr(act->actor));
	if (act->object.n)
		sp_record_s(&w, SP_F_OBJECT, act->object);
	if (act->detail.n)
		sp_record_s(&w, SP_F_DETAIL, act->detail);
	sp_record_s(&w, SP_F_OUTCOME, sp_bytes_cstr(act->outcome));
	sp_record_u(&w, SP_F_POLICY, act->generation);
	n = sp_record_end(&w);
	SP_BUG_IF(n < 0); // every field is cut to its most
	sp_channel_commit(&a->channel, (size_t)n);
	// audit sleeps at its leisure between batches: an operator waits for nobody, but sees it
	// sooner
	if (write(a->audit_event, &one, sizeof(one)) < 0 && errno != EAGAIN)
		SP_BUG_IF(errno == EBADF);
	return 0;
}
