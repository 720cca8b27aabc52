/// Audit's second thread: fills the index behind the journal, answers queries on run_dir/audit.sock
/// (common/ctlmsg.h), removes segments past their retention, makes the next segment's file.
/// It never holds up the writer; what it cannot keep up with it reads from the journal.
///
/// Commands: those of common/ctl_table.h whose server is audit. Records come oldest first, one answer
/// each: a map of the fields by their names in common/record.h; nil when there is none. Without `from`
/// they are the last ones that match. Peers: root, our own user, control's user, our group.
#pragma once

#include "common/plan.h"
#include "controlplane/audit/feed.h"
#include "controlplane/audit/journal.h"

struct sp_server;

/// Opens index and socket (before the sandbox). The arguments outlive it.
SP_MUST_CHECK int sp_server_new(struct sp_root *root, const struct sp_plan *plan, int dir,
	struct sp_feed *feed, struct sp_journal *journal, struct sp_server **ret);
SP_MUST_CHECK int sp_server_start(struct sp_server *s);
/// Finish the index, close everything. Waits for the thread.
void sp_server_stop(struct sp_server *s);
