/// What the upstream saw, for comparing with the audit trail: one line a call, `<tool>\t<call_ref>`,
/// and `!cancelled\t<call_ref>` when a running call was given up. Buffered: written when full, by
/// demo_ledger_flush() (the server calls it every 100 ms and at its end). A witness writes at once, so that a
/// kill loses nothing, and adds two columns: the SHA-256 of the arguments as received, and the boot time in ns.
#pragma once

#include "common/bytes.h"

struct demo_ledger {
	int fd; ///< -1 = none is kept
	bool witness;
	size_t len;
	uint8_t buf[1 << 16];
};

/// `path` NULL keeps none; the file is appended to.
SP_MUST_CHECK int demo_ledger_open(struct demo_ledger *l, const char *path, bool witness);
void demo_ledger_add(struct demo_ledger *l, struct sp_bytes what, struct sp_bytes call_ref);
/// A call, whose `arguments` are as they came; none when it had none.
void demo_ledger_call(
	struct demo_ledger *l, struct sp_bytes tool, struct sp_bytes call_ref, struct sp_bytes arguments);
/// A ledger that cannot be written makes every comparison worthless: failure stops the program.
void demo_ledger_flush(struct demo_ledger *l);
void demo_ledger_close(struct demo_ledger *l);
