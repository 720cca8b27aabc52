/// Any bytes as a segment: its head, its batches, and what recovery would cut. One input byte picks
/// whether the head is taken as it is or replaced by a good one, so that the frames get their turn.
#include "controlplane/audit/block.h"
#include "controlplane/audit/note.h"
#include "controlplane/audit/segment.h"
#include "common/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(struct sp_bytes b, size_t off)
{
	struct sp_chain chain = {0};
	struct sp_scan s;
	struct sp_frame f;
	struct sp_feed_entry fed;
	struct sp_note n;
	int r;

	sp_scan_init(&s, b, off, &chain);
	while ((r = sp_scan_next(&s, &f)) > 0) {
		if (f.bytes.p < b.p || f.bytes.p + f.bytes.n > b.p + b.n)
			abort();
		sp_note_of(&f, 1, &n, &fed);
	}
	if (r < 0 && sp_scan_torn(&s) && s.batch > b.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_segment_head h;
	struct sp_block block;
	uint8_t *copy;

	if (size < 1)
		return 0;
	copy = aligned_alloc(8, (size + 7) / 8 * 8);
	if (!copy)
		return 0;
	memcpy(copy, data + 1, size - 1);
	if (data[0] % 3 == 0 && sp_segment_head_read(sp_bytes(copy, size - 1), &h) == 0)
		scan(sp_bytes(copy, size - 1), h.head_bytes);
	else if (data[0] % 3 == 1)
		scan(sp_bytes(copy, size - 1), 0);
	else if (sp_block_open(sp_bytes(copy, size - 1), &block) == 0) {
		uint32_t n;

		(void)sp_block_find(&block, SP_DIM_AGENT, 1, &n);
	}
	free(copy);
	return 0;
}
