/// What audit reads out of a record, once: pure.
#pragma once

#include "controlplane/audit/feed.h"
#include "controlplane/audit/open_calls.h"

/// Records in one batch.
#define SP_NOTES_MAX 8192u

enum sp_note_kind { SP_NOTE_OTHER = 0, SP_NOTE_OPENS, SP_NOTE_CLOSES };

struct sp_note {
	uint8_t call[SP_CALL_ID];
	uint32_t worker; ///< as the frame has it
	uint32_t epoch; ///< of the worker's life that wrote it: its own word, but never a later one
	uint8_t kind;   ///< enum sp_note_kind
	bool strict;    ///< its writer waits for it
};

/// What the writer itself goes by, and what the index is told: the frame lies in `segment`.
/// A record that does not read gives a note of kind OTHER without anything to search by.
void sp_note_of(const struct sp_frame *f, uint64_t segment, struct sp_note *ret, struct sp_feed_entry *ret_fed);
