#include "controlplane/audit/frame.h"

#include "common/banned.h"

#define HASHED offsetof(struct sp_frame_head, hash)

static uint32_t crc32c(const uint8_t *p, size_t n)
{
	uint32_t c = ~0u;

	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (0x82f63b78u & -(c & 1));
	}
	return ~c;
}

bool sp_zeros(struct sp_bytes b)
{
	return b.n == 0 || (b.p[0] == 0 && memcmp(b.p, b.p + 1, b.n - 1) == 0);
}

static void chain_on(
	const struct sp_chain *c, const struct sp_frame_head *h, struct sp_bytes bytes, uint8_t *ret)
{
	struct sp_bytes piece[] = {
		{c->hash, SP_SHA256}, {(const uint8_t *)h, HASHED}, bytes};

	sp_sha256(piece, SP_ARRAY_LEN(piece), ret);
}

void sp_side_init(struct sp_side *s, struct sp_merkle *tree, const uint8_t *frames)
{
	s->tree = tree;
	s->next = s->end = frames;
	s->under_way = false;
}

/// There is a hash to be made.
static bool side_ready(struct sp_side *s)
{
	struct sp_frame_head h;

	if (s->under_way && s->step.hash.blocks == 0)
		s->under_way = sp_merkle_on(&s->step, s->tree);
	if (!s->under_way && s->next < s->end) {
		memcpy(&h, s->next, sizeof(h));
		s->next += sp_frame_size(h.len);
		sp_merkle_begin(&s->step, h.hash);
		s->under_way = true;
	}
	return s->under_way;
}

void sp_side_done(struct sp_side *s)
{
	while (side_ready(s))
		sp_sha256_rest(&s->step.hash);
}

static void chain_beside(struct sp_side *s, uint8_t *p, size_t n, uint8_t ret[SP_SHA256])
{
	struct sp_sha256_way w;

	sp_sha256_begin(&w, p, n);
	while (w.blocks && side_ready(s))
		sp_sha256_both(&w, &s->step.hash);
	sp_sha256_rest(&w);
	sp_sha256_end(&w, ret);
}

void sp_frame_write(uint8_t *p, struct sp_chain *chain, struct sp_side *side, uint32_t worker,
	uint64_t worker_seq, uint32_t epoch, struct sp_bytes bytes)
{
	struct sp_frame_head h = {
		.len = (uint32_t)bytes.n,
		.worker = worker,
		.seq = chain->seq + 1,
		.worker_seq = worker_seq,
		.epoch = epoch,
	};
	size_t end = sizeof(h) + bytes.n;

	// Hash our copy: the original may still be changing. What is hashed takes just the frame's place.
	_Static_assert(sizeof(h) == SP_SHA256 + HASHED, "the last hash and what is hashed of the head");
	if (bytes.n)
		memmove(p + sizeof(h), bytes.p, bytes.n);
	memcpy(p, chain->hash, SP_SHA256);
	memcpy(p + SP_SHA256, &h, HASHED);
	chain_beside(side, p, end, h.hash);
	memset(p + end, 0, sp_frame_size(bytes.n) - end);
	memcpy(p, &h, sizeof(h));
	side->end = p + sp_frame_size(bytes.n);
	chain->seq = h.seq;
	memcpy(chain->hash, h.hash, SP_SHA256);
}

void sp_batch_head_write(uint8_t *p, uint32_t bytes, uint64_t first_seq, uint32_t count)
{
	struct sp_batch_head b = {
		.magic = SP_BATCH_MAGIC, .bytes = bytes, .first_seq = first_seq, .count = count};

	b.crc = crc32c((const uint8_t *)&b, offsetof(struct sp_batch_head, crc));
	memcpy(p, &b, sizeof(b));
}

void sp_scan_init(struct sp_scan *s, struct sp_bytes data, size_t off, const struct sp_chain *chain)
{
	*s = (struct sp_scan){
		.data = data, .off = off, .batch = off, .chain = *chain, .before = *chain};
}

/// 1 = a head that was written as it stands, whatever follows it.
static int batch_head(struct sp_bytes data, size_t off, struct sp_batch_head *ret)
{
	struct sp_batch_head b;

	if (off > data.n || data.n - off < sizeof(b))
		return 0;
	memcpy(&b, data.p + off, sizeof(b));
	if (b.magic != SP_BATCH_MAGIC || b.reserved || b.zero || b.count == 0 ||
		b.crc != crc32c((const uint8_t *)&b, offsetof(struct sp_batch_head, crc)))
		return 0;
	*ret = b;
	return 1;
}

static int open_batch(struct sp_scan *s)
{
	struct sp_batch_head b;

	s->batch = s->off;
	s->before = s->chain;
	if (!batch_head(s->data, s->off, &b))
		return sp_zeros(sp_bytes(s->data.p + s->off, s->data.n - s->off)) ? 0 : -EBADMSG;
	if (b.first_seq != s->chain.seq + 1 || b.bytes > s->data.n - s->off - sizeof(b))
		return -EBADMSG;
	s->batch_end = s->off + sizeof(b) + b.bytes;
	s->left = b.count;
	return 1;
}

int sp_frame_at(struct sp_bytes data, size_t off, struct sp_frame *ret)
{
	struct sp_frame f;

	if (off > data.n || data.n - off < sizeof(f.head))
		return -EBADMSG;
	memcpy(&f.head, data.p + off, sizeof(f.head));
	if (f.head.len > SP_FRAME_BYTES_MAX || sp_frame_size(f.head.len) > data.n - off)
		return -EBADMSG;
	f.bytes = sp_bytes(data.p + off + sizeof(f.head), f.head.len);
	f.off = off;
	*ret = f;
	return 0;
}

static bool frame_good(const struct sp_scan *s, const struct sp_frame *f)
{
	uint8_t hash[SP_SHA256];
	size_t size = sp_frame_size(f->head.len), end = sizeof(f->head) + f->head.len;

	if (f->head.seq != s->chain.seq + 1 || f->head.reserved ||
		!sp_zeros(sp_bytes(s->data.p + f->off + end, size - end)))
		return false;
	chain_on(&s->chain, &f->head, f->bytes, hash);
	return memcmp(hash, f->head.hash, SP_SHA256) == 0;
}

int sp_scan_next(struct sp_scan *s, struct sp_frame *ret)
{
	struct sp_frame f;
	size_t at = s->off;

	if (s->batch_end == 0) {
		int more = open_batch(s);

		if (more <= 0)
			return more;
		at += sizeof(struct sp_batch_head);
	}
	if (sp_frame_at(sp_bytes(s->data.p, s->batch_end), at, &f) < 0 || !frame_good(s, &f))
		return -EBADMSG;
	// The frames fill their batch exactly.
	at += sp_frame_size(f.head.len);
	if ((s->left == 1) != (at == s->batch_end))
		return -EBADMSG;
	s->off = at;
	s->chain.seq = f.head.seq;
	memcpy(s->chain.hash, f.head.hash, SP_SHA256);
	if (--s->left == 0)
		s->batch_end = 0;
	*ret = f;
	return 1;
}

bool sp_scan_torn(const struct sp_scan *s)
{
	struct sp_batch_head b;
	size_t end;

	if (batch_head(s->data, s->batch, &b)) {
		if (b.first_seq != s->before.seq + 1)
			return false;
		end = s->batch + sizeof(b) + b.bytes;
		if (end >= s->data.n)
			return true;
		return sp_zeros(sp_bytes(s->data.p + end, s->data.n - end));
	}
	// Its head is lost: nothing may lie beyond what one write can hold, nor a later batch within.
	end = s->batch + sp_min((size_t)SP_BATCH_BYTES_MAX, s->data.n - s->batch);
	if (!sp_zeros(sp_bytes(s->data.p + end, s->data.n - end)))
		return false;
	for (size_t i = s->batch + SP_FRAME_ALIGN; i < end; i += SP_FRAME_ALIGN)
		if (batch_head(s->data, i, &b) && b.first_seq > s->before.seq)
			return false;
	return true;
}
