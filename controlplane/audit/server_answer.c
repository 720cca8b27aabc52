#include "controlplane/audit/server_inner.h"

#include "common/clock.h"
#include "common/ctl_table.h"
#include "common/reason.h"
#include "common/record.h"
#include <inttypes.h>
#include <stdio.h>
#include "common/banned.h"

#define LIMIT_DEFAULT 100u
#define LINES_DEFAULT 10u
#define FOLLOW_ROUND 500u

static const struct {
	uint8_t number;
	char kind;
	const char *name;
} fields[] = {
#define X(sym, key, name, kind) {key, #kind[0], name},
	SP_RECORD_FIELDS(X)
#undef X
};

static bool make_room(struct sp_conn *c, size_t n)
{
	size_t cap = c->out_cap ? c->out_cap : 4096;
	uint8_t *more;

	while (cap - c->out_n < n)
		cap *= 2;
	if (cap == c->out_cap)
		return true;
	more = realloc(c->out, cap);
	if (!more)
		return false;
	c->out = more;
	c->out_cap = cap;
	return true;
}

/// The frame just built goes behind those that wait to be sent.
static void queue_frame(struct sp_conn *c, int built)
{
	struct sp_bytes b = sp_cv_out_bytes(&c->frame);

	if (built < 0 || !make_room(c, b.n)) {
		c->failed = true;
	} else {
		memcpy(c->out + c->out_n, b.p, b.n);
		c->out_n += b.n;
	}
	sp_cv_out_done(&c->frame);
}

static void refuse(struct sp_conn *c, const char *why)
{
	sp_cv_out_init(&c->frame);
	queue_frame(c, sp_ctl_answer_error(&c->frame, c->id, SP_CTL_REFUSED, why));
}

static void begin_frame(struct sp_conn *c, bool more, uint64_t code)
{
	sp_cv_out_init(&c->frame);
	sp_ctl_answer_begin(&c->frame, c->id, more, code);
}

static void end_frame(struct sp_conn *c)
{
	queue_frame(c, sp_ctl_frame_end(&c->frame, SP_CTL_ANSWER_MAX));
}

static void put_hex(struct sp_cv_out *o, struct sp_bytes b)
{
	uint8_t text[2 * SP_RECORD_MAX];
	struct sp_out hex = sp_out_init(text, sizeof(text));

	sp_out_hex(&hex, b);
	sp_cv_put_bytes(o, sp_bytes(text, hex.len));
}

/// Whoever reads answers refuses texts with control bytes; what got into the trail must be readable all the same.
static void put_text(struct sp_cv_out *o, struct sp_bytes v)
{
	uint8_t text[SP_RECORD_MAX];
	size_t n = sp_min(v.n, sizeof(text));

	for (size_t i = 0; i < n; i++)
		text[i] = v.p[i] < 0x20 || v.p[i] == 0x7f ? '?' : v.p[i];
	sp_cv_put_bytes(o, sp_bytes(text, n));
}

static void put_field(struct sp_cv_out *o, const struct sp_record *r, unsigned i)
{
	unsigned f = fields[i].number, u = (unsigned)sp_min(r->u[f], (uint64_t)UINT16_MAX);
	uint8_t text[64];
	struct sp_out time = sp_out_init(text, sizeof(text));

	sp_cv_put_str(o, fields[i].name);
	if (f == SP_F_TYPE)
		sp_cv_put_str(o, sp_record_type_name(u));
	else if (sp_record_is_reason(f))
		sp_cv_put_str(o, sp_reason_info(u)->name);
	else if (fields[i].kind == 'U')
		sp_cv_put_u64(o, r->u[f]);
	else if (fields[i].kind == 'S')
		put_text(o, r->b[f]);
	else if (fields[i].kind == 'B')
		put_hex(o, r->b[f]);
	else {
		sp_out_time(&time, r->u[f]);
		sp_cv_put_bytes(o, sp_bytes(text, time.len));
	}
}

/// Worker and number are those of the frame, by audit's word; the rest is the writer's.
static void put_record(struct sp_conn *c, const struct sp_frame *f, bool more)
{
	struct sp_cv_out *o = &c->frame;
	struct sp_record r;

	begin_frame(c, more, SP_CTL_OK);
	sp_cv_put_map(o);
	sp_cv_put_str(o, "seq");
	sp_cv_put_u64(o, f->head.seq);
	if (sp_record_read(f->bytes, &r) < 0) {
		r.present[0] = r.present[1] = 0;
		sp_cv_put_str(o, "type");
		sp_cv_put_str(o, "unknown");
		sp_cv_put_str(o, "bytes");
		put_hex(o, f->bytes);
	}
	for (unsigned i = 0; i < SP_ARRAY_LEN(fields); i++)
		if (sp_record_has(&r, (enum sp_record_field)fields[i].number) &&
			fields[i].number != SP_F_SEQ &&
			(fields[i].number != SP_F_WORKER || f->head.worker == SP_FRAME_OWN))
			put_field(o, &r, i);
	if (f->head.worker != SP_FRAME_OWN) {
		sp_cv_put_str(o, "worker");
		sp_cv_put_u64(o, f->head.worker);
	}
	sp_cv_put_str(o, "hash");
	put_hex(o, sp_bytes(f->head.hash, SP_SHA256));
	sp_cv_put_end(o);
	end_frame(c);
}

/// Nothing matched: an answer there must be, and it is a list.
static void put_nothing(struct sp_conn *c)
{
	begin_frame(c, false, SP_CTL_OK);
	sp_cv_put_array(&c->frame);
	sp_cv_put_end(&c->frame);
	end_frame(c);
}

/// What was asked, on record: who asks is part of the trail. A trail that cannot be written must still
/// be readable, so this act alone may be missing from it.
static void put_act(struct sp_server *s, const struct sp_conn *c, const struct sp_ctl_request *r)
{
	uint8_t text[600], buf[2048];
	struct sp_out args = sp_out_init(text, sizeof(text));
	struct sp_record_writer w;
	char who[64];
	int n;

	sp_cv_json(r->args, &args);
	snprintf(who, sizeof(who), "uid %u", (unsigned)c->peer.uid);
	sp_record_begin(&w, buf, sizeof(buf));
	sp_record_u(&w, SP_F_TYPE, SP_RECORD_ADMIN);
	sp_record_u(&w, SP_F_TIME, sp_clock_wall_ns());
	sp_record_u(&w, SP_F_BOOT, sp_clock_boot_ns());
	sp_record_b(&w, SP_F_NODE, sp_bytes(s->root->boot_id, sizeof(s->root->boot_id)));
	sp_record_s(&w, SP_F_ACTOR, sp_bytes_cstr(who));
	sp_record_s(&w, SP_F_OBJECT, r->command);
	sp_record_s(&w, SP_F_DETAIL,
		args.overflow ? SP_LIT("arguments too long to show") : sp_bytes(text, args.len));
	n = sp_record_end(&w);
	if (n > 0)
		(void)!sp_feed_act(s->feed, sp_bytes(buf, (size_t)n));
}

static int unhex(struct sp_bytes s, uint8_t *p, size_t cap, struct sp_bytes *ret)
{
	if (s.n % 2 || s.n / 2 > cap)
		return -EINVAL;
	for (size_t i = 0; i < s.n; i++) {
		uint8_t ch = s.p[i] | 0x20;
		int v = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;

		if (v < 0)
			return -EINVAL;
		p[i / 2] = (uint8_t)(i % 2 ? p[i / 2] << 4 | v : v);
	}
	*ret = sp_bytes(p, s.n / 2);
	return 0;
}

struct filters {
	uint8_t call[64], session[64];
};

static int want_text(const struct sp_ctl_request *r, const char *name, struct sp_query *q, enum sp_dim d)
{
	int err = sp_ctl_arg_str(r, name, &q->want[d].b);

	q->want[d].set = err == 0;
	return err == -ENOENT ? 0 : err;
}

static int want_hex(const struct sp_ctl_request *r, const char *name, struct sp_query *q, enum sp_dim d,
	uint8_t bytes[64])
{
	SP_TRY(want_text(r, name, q, d));
	return q->want[d].set ? unhex(q->want[d].b, bytes, 64, &q->want[d].b) : 0;
}

static int want_number(const struct sp_ctl_request *r, const char *name, uint64_t *ret)
{
	int err = sp_ctl_arg_u64(r, name, ret);

	return err == -ENOENT ? 0 : err;
}

static int want_shadow(const struct sp_ctl_request *r, struct sp_query *q)
{
	uint64_t *generation = &q->want[SP_DIM_SHADOW].u;

	SP_TRY(want_text(r, "shadow", q, SP_DIM_SHADOW));
	if (!q->want[SP_DIM_SHADOW].set || sp_bytes_eq(q->want[SP_DIM_SHADOW].b, SP_LIT("any")))
		return 0;
	SP_TRY(sp_bytes_u64(q->want[SP_DIM_SHADOW].b, generation));
	return *generation == SP_QUERY_ANY ? -EINVAL : 0;
}

/// NULL, or what is wrong with the arguments.
static const char *read_query(const struct sp_ctl_request *r, struct sp_query *q, struct filters *f)
{
	uint64_t limit = LIMIT_DEFAULT;
	enum sp_reason reason;
	unsigned type;

	if (want_text(r, "agent", q, SP_DIM_AGENT) || want_text(r, "tool", q, SP_DIM_TOOL) ||
		want_text(r, "decision", q, SP_DIM_DECISION) || want_text(r, "type", q, SP_DIM_TYPE) ||
		want_text(r, "reason", q, SP_DIM_REASON))
		return "agent, tool, decision, type and reason are texts";
	if (want_hex(r, "call", q, SP_DIM_CALL, f->call) ||
		want_hex(r, "session", q, SP_DIM_SESSION, f->session))
		return "call and session are hexadecimal digits, as the trail shows them";
	if (want_shadow(r, q))
		return "shadow is a candidate's generation, or any";
	if (want_number(r, "since", &q->since_ns) || want_number(r, "until", &q->until_ns) ||
		want_number(r, "from", &q->from) || want_number(r, "before", &q->before) ||
		want_number(r, "limit", &limit))
		return "since, until, from, before and limit are numbers";
	if (limit == 0 || limit > SP_QUERY_LIMIT_MAX)
		return "limit is a number from 1 to 10000; go on with --from, one more than the last seq";
	q->limit = (uint32_t)limit;
	if (q->want[SP_DIM_TYPE].set) {
		if (sp_record_type_parse(q->want[SP_DIM_TYPE].b, &type) < 0)
			return "type is one of decision outcome in_doubt auth_failure admin lifecycle";
		q->want[SP_DIM_TYPE].u = type;
	}
	if (q->want[SP_DIM_REASON].set) {
		if (sp_reason_find(q->want[SP_DIM_REASON].b, &reason) < 0)
			return "no such reason; the trail shows their names, e.g. tool_denied";
		q->want[SP_DIM_REASON].u = reason;
	}
	return NULL;
}

/// Matching records into the connection. False when it failed and said so.
static bool put_hits(struct sp_server *s, struct sp_conn *c, const struct sp_query *q, uint32_t *ret_n,
	uint64_t *ret_next)
{
	struct sp_reader reader = {.dir = s->dir, .fd = -1};
	struct sp_frame f;
	int err = sp_server_catch_up(s);

	// A full disk keeps the index from being written, not from being asked.
	if (s->index && sp_index_next(s->index) > atomic_load(&s->feed->durable_seq))
		err = 0;
	if (!err)
		err = sp_query_run(s->index, s->dir, q, s->hits, ret_n, ret_next);
	for (uint32_t i = 0; !err && i < *ret_n; i++) {
		err = sp_reader_get(&reader, &s->hits[i], &f);
		if (!err)
			put_record(c, &f, c->following || i + 1 < *ret_n);
	}
	sp_reader_done(&reader);
	if (err) {
		char why[128];

		snprintf(why, sizeof(why), "the trail cannot be read: %s", strerror(-err));
		refuse(c, why);
		c->following = false;
	}
	return !err;
}

static void query(struct sp_server *s, struct sp_conn *c, const struct sp_ctl_request *r)
{
	struct sp_query q = {0};
	struct filters f;
	const char *why = read_query(r, &q, &f);
	uint64_t next;
	uint32_t n;

	if (why)
		refuse(c, why);
	else if (put_hits(s, c, &q, &n, &next) && n == 0)
		put_nothing(c);
}

/// The filters outlive their request: keep the texts.
static bool keep_texts(struct sp_conn *c)
{
	static const enum sp_dim kept[] = {SP_DIM_AGENT, SP_DIM_TOOL, SP_DIM_DECISION};

	for (unsigned i = 0; i < SP_ARRAY_LEN(kept); i++) {
		struct sp_bytes *b = &c->follow.want[kept[i]].b;

		if (b->n > sizeof(c->follow_text[i]))
			return false;
		if (b->n)
			memcpy(c->follow_text[i], b->p, b->n);
		b->p = c->follow_text[i];
	}
	return true;
}

static void tail(struct sp_server *s, struct sp_conn *c, const struct sp_ctl_request *r)
{
	struct sp_query *q = &c->follow;
	uint64_t lines = LINES_DEFAULT, next = 0;
	struct filters f;
	const char *why;
	uint32_t n = 0;

	*q = (struct sp_query){0};
	why = read_query(r, q, &f);
	if (!why && (want_number(r, "lines", &lines) || lines > SP_QUERY_LIMIT_MAX))
		why = "lines is a number up to 10000";
	if (!why && !keep_texts(c))
		why = "a filter is longer than 256 bytes";
	if (why) {
		refuse(c, why);
		return;
	}
	q->limit = (uint32_t)sp_max(lines, (uint64_t)1);
	c->following = !sp_ctl_arg_flag(r, "no-follow");
	if (lines && !put_hits(s, c, q, &n, &next))
		return;
	q->from = lines ? next : atomic_load(&s->feed->durable_seq) + 1;
	q->limit = FOLLOW_ROUND;
	if (!c->following && n == 0)
		put_nothing(c);
}

static void verify(struct sp_server *s, struct sp_conn *c, const struct sp_ctl_request *r)
{
	uint64_t from = 0, to = atomic_load(&s->feed->durable_seq), asked = 0;
	int err;

	if (want_number(r, "from", &from) || want_number(r, "to", &asked)) {
		refuse(c, "from and to are numbers of records");
		return;
	}
	err = sp_verify_init(&c->verify, s->dir, from, asked ? sp_min(asked, to) : to);
	if (err < 0)
		refuse(c, strerror(-err));
	c->verifying = err == 0;
}

static void put_verified(struct sp_conn *c)
{
	const struct sp_verify *v = &c->verify;
	struct sp_cv_out *o = &c->frame;
	uint8_t root[SP_SHA256];

	begin_frame(c, false, v->chain_ok ? SP_CTL_OK : SP_CTL_REFUSED);
	sp_cv_put_map(o);
	sp_cv_put_str(o, "records");
	sp_cv_put_u64(o, v->records);
	sp_cv_put_str(o, "first_seq");
	sp_cv_put_u64(o, v->first_seq);
	sp_cv_put_str(o, "last_seq");
	sp_cv_put_u64(o, v->last_seq);
	sp_cv_put_str(o, "segments");
	sp_cv_put_u64(o, v->segments);
	sp_cv_put_str(o, "chain_ok");
	sp_cv_put_bool(o, v->chain_ok);
	if (v->chain_ok) {
		sp_merkle_root(&v->tree, root);
		sp_cv_put_str(o, "last_hash");
		put_hex(o, sp_bytes(v->chain.hash, SP_SHA256));
		sp_cv_put_str(o, "tree_root");
		put_hex(o, sp_bytes(root, sizeof(root)));
	} else {
		sp_cv_put_str(o, "first_bad_seq");
		sp_cv_put_u64(o, v->first_bad_seq);
		sp_cv_put_str(o, "segment");
		sp_cv_put_u64(o, v->bad_segment);
		sp_cv_put_str(o, "why");
		sp_cv_put_str(o, v->why);
	}
	sp_cv_put_end(o);
	end_frame(c);
}

static void refuse_access(struct sp_conn *c, const struct sp_ctl_command *cmd, enum sp_ctl_access has)
{
	char why[192];

	snprintf(why, sizeof(why), "'%s' needs the role %s; uid %u has %s (control.roles in the configuration)",
		cmd->words, sp_ctl_access_name(cmd->access), (unsigned)c->peer.uid, sp_ctl_access_name(has));
	refuse(c, why);
}

bool sp_server_request(struct sp_server *s, struct sp_conn *c, struct sp_bytes body)
{
	const struct sp_ctl_command *cmd;
	struct sp_ctl_request r;
	int err = sp_ctl_request_read(body, &r, &c->id);

	if (err == -EPROTONOSUPPORT) {
		refuse(c, "another version of the protocol: use the sallyctl of this gateway");
		return true;
	}
	if (err < 0)
		return false;
	c->id = r.id;
	cmd = sp_ctl_command_find(r.command);
	if (!cmd || cmd->server != SP_CTL_AUDIT) {
		refuse(c, "no such command of the audit process");
		return true;
	}
	if (sp_server_access(s, c) < cmd->access) {
		refuse_access(c, cmd, sp_server_access(s, c));
		return true;
	}
	if (cmd->id == SP_CMD_AUDIT_QUERY)
		query(s, c, &r);
	else if (cmd->id == SP_CMD_AUDIT_TAIL)
		tail(s, c, &r);
	else
		verify(s, c, &r);
	put_act(s, c, &r);
	return true;
}

void sp_server_continue(struct sp_server *s, struct sp_conn *c)
{
	uint64_t next;
	uint32_t n;
	int r;

	if (c->verifying) {
		r = sp_verify_step(&c->verify);
		if (r > 0)
			return;
		if (r < 0)
			refuse(c, strerror(-r));
		else
			put_verified(c);
		sp_verify_done(&c->verify);
		c->verifying = false;
	} else if (c->following && atomic_load(&s->feed->durable_seq) >= c->follow.from) {
		if (put_hits(s, c, &c->follow, &n, &next))
			c->follow.from = next;
	}
}
