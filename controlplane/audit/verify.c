#include "controlplane/audit/verify.h"

#include "common/record.h"
#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

static int bad(struct sp_verify *v, const char *why)
{
	v->chain_ok = false;
	v->first_bad_seq = v->chain.seq + 1;
	v->bad_segment = v->i < v->list.n ? v->list.number[v->i] : 0;
	snprintf(v->why, sizeof(v->why), "%s", why);
	return 0;
}

int sp_verify_init(struct sp_verify *v, int dir, uint64_t from, uint64_t to)
{
	struct sp_segment_head h;
	struct sp_verify r = {.dir = dir, .from = from, .to = to, .chain_ok = true};

	SP_TRY(sp_segment_list(dir, &r.list));
	if (r.list.n == 0) {
		sp_segment_list_done(&r.list);
		return -ENOENT;
	}
	// The last segment that begins at or before `from`; a head that does not read is met in its turn.
	for (size_t i = 0; from && i < r.list.n; i++) {
		if (sp_segment_head_load(dir, r.list.number[i], &h) < 0 || h.first_seq > from)
			break;
		r.i = i;
	}
	*v = r;
	return 0;
}

void sp_verify_done(struct sp_verify *v)
{
	sp_segment_list_done(&v->list);
	free(v->data);
	v->data = NULL;
}

static bool tree_eq(const struct sp_merkle *a, const struct sp_merkle *b)
{
	uint8_t x[SP_SHA256], y[SP_SHA256];

	sp_merkle_root(a, x);
	sp_merkle_root(b, y);
	return a->size == b->size && memcmp(x, y, sizeof(x)) == 0;
}

/// NULL when the head follows on what came before.
static const char *check_head(struct sp_verify *v, const struct sp_segment_head *h)
{
	bool first = v->segments == 0;

	if (h->number != v->list.number[v->i])
		return "the head names another segment than the file";
	if (first) {
		v->chain.seq = h->first_seq - 1;
		memcpy(v->chain.hash, h->prev_hash, SP_SHA256);
		memcpy(v->store_id, h->store_id, sizeof(v->store_id));
		v->tree = h->tree;
		return h->number == 1 && (h->first_seq != 1 || !sp_zeros(sp_bytes(h->prev_hash, SP_SHA256)))
			? "the first segment does not begin the chain"
			: NULL;
	}
	if (h->number != v->list.number[v->i - 1] + 1)
		return "a segment is missing before this one";
	if (memcmp(h->store_id, v->store_id, sizeof(v->store_id)) != 0)
		return "the segment is of another store";
	if (h->first_seq != v->chain.seq + 1)
		return "the segment before this one is cut short or continued";
	if (memcmp(h->prev_hash, v->chain.hash, SP_SHA256) != 0)
		return "the head holds another hash than the segment before this one ends with";
	return tree_eq(&h->tree, &v->tree) ? NULL : "the head holds another tree";
}

static bool pins(const struct sp_frame *f, const struct sp_segment_head *h)
{
	struct sp_record r;
	uint8_t hex[2 * SP_SHA256];
	struct sp_out out = sp_out_init(hex, sizeof(hex));

	sp_out_hex(&out, sp_bytes(h->digest, SP_SHA256));
	return f->head.worker == SP_FRAME_OWN && sp_record_read(f->bytes, &r) == 0 &&
		sp_record_has(&r, SP_F_DETAIL) &&
		sp_bytes_eq(r.b[SP_F_DETAIL], sp_bytes(hex, sizeof(hex)));
}

/// False when this is where the checkpoint was taken, and of another tree.
static bool meets(struct sp_verify *v, uint64_t seq)
{
	uint8_t root[SP_SHA256];

	if (v->expect.size == 0 || v->expect.size != seq)
		return true;
	sp_merkle_root(&v->tree, root);
	v->met = memcmp(root, v->expect.root, sizeof(root)) == 0;
	return v->met;
}

static const char *check_frames(
	struct sp_verify *v, struct sp_bytes data, const struct sp_segment_head *h)
{
	bool last = v->i + 1 == v->list.n;
	struct sp_scan s;
	struct sp_frame f;
	int r = 0;

	sp_scan_init(&s, data, h->head_bytes, &v->chain);
	while ((v->to == 0 || s.chain.seq < v->to) && (r = sp_scan_next(&s, &f)) > 0) {
		if (f.head.seq == h->first_seq && !pins(&f, h)) {
			v->chain.seq = h->first_seq - 1;
			return "the first record does not name this segment's head";
		}
		sp_merkle_add(&v->tree, f.head.hash);
		if (!meets(v, f.head.seq))
			return "the records up to here are not those of the signed checkpoint";
		if (f.head.seq >= v->from) {
			v->first_seq = v->first_seq ? v->first_seq : f.head.seq;
			v->last_seq = f.head.seq;
			v->records++;
		}
	}
	v->chain = s.chain;
	if (r < 0)
		return "a record is not as it was written";
	if (v->to && s.chain.seq >= v->to)
		return NULL;
	if (s.batch_end || (!last && s.off != data.n))
		return "bytes follow the segment's last record";
	if (last && (v->to || v->expect.size > s.chain.seq))
		return "records are missing at the end";
	return NULL;
}

int sp_verify_step(struct sp_verify *v)
{
	struct sp_segment_head h;
	const char *why;
	size_t n = 0;
	int err;

	free(v->data);
	v->data = NULL;
	err = sp_segment_load(v->dir, v->list.number[v->i], &v->data, &n);
	if (err == -EBADMSG)
		return bad(v, "the file is too short for a head");
	SP_TRY(err);
	if (sp_segment_head_read(sp_bytes(v->data, n), &h) < 0)
		return bad(v, "the head is not as it was written");
	why = check_head(v, &h);
	if (!why)
		why = check_frames(v, sp_bytes(v->data, n), &h);
	if (why)
		return bad(v, why);
	v->segments++;
	v->i++;
	if (v->to && v->chain.seq >= v->to)
		return 0;
	return v->i < v->list.n;
}

void sp_verify_json(const struct sp_verify *v, struct sp_out *out)
{
	uint8_t root[SP_SHA256];
	char text[256];

	snprintf(text, sizeof(text),
		"{\"records\":%" PRIu64 ",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64
		",\"segments\":%" PRIu64 ",\"chain_ok\":%s,\"first_bad_seq\":",
		v->records, v->first_seq, v->last_seq, v->segments, v->chain_ok ? "true" : "false");
	sp_out_bytes(out, sp_bytes_cstr(text));
	if (v->chain_ok) {
		sp_merkle_root(&v->tree, root);
		sp_out_lit(out, "null,\"last_hash\":\"");
		sp_out_hex(out, sp_bytes(v->chain.hash, SP_SHA256));
		sp_out_lit(out, "\",\"tree_root\":\"");
		sp_out_hex(out, sp_bytes(root, sizeof(root)));
		sp_out_lit(out, "\",\"checkpoint\":");
		if (v->met)
			sp_out_u64(out, v->expect.size);
		else
			sp_out_lit(out, "null");
		sp_out_lit(out, "}");
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64 ",\"segment\":%" PRIu64 ",\"why\":\"",
		v->first_bad_seq, v->bad_segment);
	sp_out_bytes(out, sp_bytes_cstr(text));
	sp_out_json_escaped(out, sp_bytes_cstr(v->why));
	sp_out_lit(out, "\"}");
}
