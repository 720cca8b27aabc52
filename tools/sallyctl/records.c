#include "tools/sallyctl/records.h"

#include "common/clock.h"
#include "common/json.h"
#include "common/record.h"
#include "common/room.h"
#include "tools/sallyctl/args.h"

#include "common/banned.h"

#define TOKENS 1024u
#define DEPTH 8u
#define TIME_BYTES 30u ///< 2026-01-31T08:00:00.000000000Z

static const char *const decisions[] = {
	[SP_RECORDED_ALLOW] = "allow",
	[SP_RECORDED_DENY] = "deny",
	[SP_RECORDED_REVIEW] = "review",
};

/// The members that are kept as text, by where they go.
static const struct {
	const char *name;
	size_t at;
} texts[] = {
#define TEXT(name, field) {name, offsetof(struct sp_recorded_call, field)}
	TEXT("call", call),
	TEXT("agent", agent),
	TEXT("tool", tool),
	TEXT("issuer", issuer),
	TEXT("client_id", client_id),
	TEXT("scopes", scopes),
	TEXT("peer", peer),
	TEXT("session", session),
	TEXT("token_hash", token),
	TEXT("revision", revision),
	TEXT("method", method),
	TEXT("route", route),
	TEXT("upstream", upstream),
	TEXT("audit_level", audit_level),
	TEXT("rule", rule),
	TEXT("purpose", purpose),
	TEXT("arguments", arguments),
	TEXT("terms", terms),
	TEXT("history", history),
	TEXT("detail", detail),
	TEXT("outcome", outcome),
#undef TEXT
};

/// One line being read.
struct line {
	struct sp_records *r;
	struct sp_json doc;
	struct sp_at at;
	struct sp_check *check;
};

const char *sp_recorded_name(enum sp_recorded d)
{
	return d < SP_ARRAY_LEN(decisions) && decisions[d] ? decisions[d] : "";
}

int sp_records_init(struct sp_records *r)
{
	*r = (struct sp_records){0};
	sp_arena_init(&r->arena);
	r->tok = malloc(TOKENS * sizeof(*r->tok));
	return r->tok ? 0 : -ENOMEM;
}

void sp_records_done(struct sp_records *r)
{
	free(r->call);
	free(r->outcome);
	free(r->tok);
	sp_arena_done(&r->arena);
	*r = (struct sp_records){0};
}

static int wrong(const struct line *l, const char *name, const char *what)
{
	sp_check_add(l->check, l->at, "give what 'sallyctl audit query --json' printed", "\"%s\" %s",
		name, what);
	return -EBADMSG;
}

static uint32_t member(const struct line *l, const char *name)
{
	return sp_json_get(&l->doc, 0, sp_bytes_cstr(name));
}

/// A copy in the arena; absent is empty.
static int text(const struct line *l, const char *name, struct sp_bytes *ret)
{
	uint32_t t = member(l, name);
	struct sp_bytes s;
	uint8_t *buf;

	*ret = SP_NOBYTES;
	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_type(&l->doc, t) != SP_JSON_STRING)
		return wrong(l, name, "is no text");
	s = sp_json_span(&l->doc, t);
	buf = sp_arena_alloc(&l->r->arena, s.n + 1);
	if (!buf)
		return -ENOMEM;
	if (sp_json_str(&l->doc, t, buf, s.n, &s) < 0)
		return wrong(l, name, "is no text");
	if (s.n && s.p != buf)
		memcpy(buf, s.p, s.n);
	*ret = sp_bytes(buf, s.n);
	return 0;
}

static int number(const struct line *l, const char *name, uint64_t *ret)
{
	uint32_t t = member(l, name);

	*ret = 0;
	if (t == SP_JSON_NONE)
		return 0;
	if (sp_json_type(&l->doc, t) != SP_JSON_NUMBER ||
		sp_bytes_u64(sp_json_span(&l->doc, t), ret) < 0)
		return wrong(l, name, "is no whole number");
	return 0;
}

/// As records are printed: UTC with nine digits behind the second.
static int time_of(const struct line *l, uint64_t *ret)
{
	uint32_t t = member(l, "time");
	char buf[TIME_BYTES + 1];
	struct sp_bytes s;
	uint64_t sec, ns;

	if (t == SP_JSON_NONE || sp_json_type(&l->doc, t) != SP_JSON_STRING)
		return wrong(l, "time", "is missing");
	s = sp_json_span(&l->doc, t);
	if (s.n != TIME_BYTES || s.p[19] != '.' || s.p[TIME_BYTES - 1] != 'Z' ||
		sp_bytes_u64(sp_bytes(s.p + 20, 9), &ns) < 0)
		return wrong(l, "time", "is no time of a record");
	memcpy(buf, s.p, s.n);
	buf[s.n] = 0;
	if (sp_time_parse(buf, 0, &sec) < 0)
		return wrong(l, "time", "is no time of a record");
	*ret = sec + ns;
	return 0;
}

static int decision(const struct line *l, struct sp_recorded_call *c)
{
	uint32_t t = member(l, "decision"), reason = member(l, "reason");
	uint8_t buf[64];
	struct sp_bytes name;

	c->decision = (enum sp_recorded)0;
	for (unsigned i = SP_RECORDED_ALLOW; t != SP_JSON_NONE && i < SP_ARRAY_LEN(decisions); i++)
		if (sp_json_str_eq(&l->doc, t, sp_bytes_cstr(decisions[i])))
			c->decision = (enum sp_recorded)i;
	if (!c->decision)
		return wrong(l, "decision", "is none of allow, deny, review");
	if (reason == SP_JSON_NONE || sp_json_str(&l->doc, reason, buf, sizeof(buf), &name) < 0 ||
		sp_reason_find(name, &c->reason) < 0)
		return wrong(l, "reason", "is not known");
	if ((c->decision == SP_RECORDED_ALLOW) != (c->reason == SP_REASON_NONE))
		return wrong(l, "reason", "does not fit the decision");
	return 0;
}

static int all_texts(const struct line *l, struct sp_recorded_call *c)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(texts); i++) {
		struct sp_bytes s;

		SP_TRY(text(l, texts[i].name, &s));
		memcpy((char *)c + texts[i].at, &s, sizeof(s));
	}
	return 0;
}

/// Room for one more of `n`.
static int grow(void **v, uint32_t n, uint32_t *cap, size_t size)
{
	void *more;

	if (n == SP_RECORDS_MAX)
		return -E2BIG;
	more = sp_room_for_one(*v, n, cap, size);
	if (!more)
		return -ENOMEM;
	*v = more;
	return 0;
}

static bool says(const struct line *l, const char *name, struct sp_bytes value)
{
	uint32_t t = member(l, name);

	return t != SP_JSON_NONE && sp_json_str_eq(&l->doc, t, value);
}

static int read_call(const struct line *l)
{
	struct sp_records *r = l->r;
	struct sp_recorded_call c = {0};
	void *room = r->call;
	uint64_t risk;

	if (!says(l, "method", SP_LIT("tools/call")) || member(l, "agent") == SP_JSON_NONE ||
		member(l, "tool") == SP_JSON_NONE) {
		r->others++;
		return 0;
	}
	SP_TRY(grow(&room, r->calls_n, &r->calls_cap, sizeof(*r->call)));
	r->call = room;
	SP_TRY(time_of(l, &c.time_ns));
	SP_TRY(decision(l, &c));
	SP_TRY(number(l, "seq", &c.seq));
	SP_TRY(number(l, "boot_ns", &c.boot_ns));
	SP_TRY(number(l, "arguments_bytes", &c.arguments_bytes));
	SP_TRY(number(l, "tokens", &c.tokens));
	SP_TRY(number(l, "risk", &risk));
	c.has_risk = member(l, "risk") != SP_JSON_NONE;
	c.risk = (uint32_t)sp_min(risk, (uint64_t)100);
	SP_TRY(all_texts(l, &c));
	if (c.arguments_bytes == 2 && c.arguments.n == 0)
		c.arguments = SP_LIT("{}"); // an object, and there is only one so short
	if (c.agent.n == 0 || c.tool.n == 0)
		return wrong(l, c.agent.n ? "tool" : "agent", "is empty");
	r->call[r->calls_n++] = c;
	return 0;
}

static int read_outcome(const struct line *l)
{
	struct sp_records *r = l->r;
	struct sp_recorded_outcome o;
	void *room = r->outcome;

	SP_TRY(grow(&room, r->outcomes_n, &r->outcomes_cap, sizeof(*r->outcome)));
	r->outcome = room;
	SP_TRY(text(l, "call", &o.call));
	SP_TRY(text(l, "outcome", &o.outcome));
	if (o.call.n && o.outcome.n)
		r->outcome[r->outcomes_n++] = o;
	return 0;
}

int sp_records_line(
	struct sp_records *r, struct sp_bytes line, struct sp_at at, struct sp_check *check)
{
	struct line l = {.r = r, .at = at, .check = check};
	struct sp_json_error why;

	if (sp_json_scan(line, DEPTH, r->tok, TOKENS, &l.doc, &why) < 0) {
		l.at.col = why.off + 1;
		sp_check_add(check, l.at, "one record a line, as 'sallyctl audit query --json' prints",
			"is no JSON: %s", why.what);
		return -EBADMSG;
	}
	if (sp_json_type(&l.doc, 0) == SP_JSON_ARRAY && l.doc.tok[0].count == 0)
		return 0; // what a query prints that found nothing
	if (sp_json_type(&l.doc, 0) != SP_JSON_OBJECT || member(&l, "type") == SP_JSON_NONE)
		return wrong(&l, "type", "is missing: this is no record");
	if (says(&l, "type", sp_bytes_cstr(sp_record_type_name(SP_RECORD_DECISION))))
		return read_call(&l);
	if (says(&l, "type", sp_bytes_cstr(sp_record_type_name(SP_RECORD_OUTCOME))))
		return read_outcome(&l);
	r->others++;
	return 0;
}

int sp_records_order(struct sp_bytes a, struct sp_bytes b)
{
	int c = a.n && b.n ? memcmp(a.p, b.p, sp_min(a.n, b.n)) : 0;

	return c ? (c > 0) - (c < 0) : (a.n > b.n) - (a.n < b.n);
}

static int by_id(const void *a, const void *b)
{
	const struct sp_recorded_call *x = a, *y = b;
	int c = sp_records_order(x->call, y->call);

	return c ? c : (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_time(const void *a, const void *b)
{
	const struct sp_recorded_call *x = a, *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int by_outcome_id(const void *a, const void *b)
{
	const struct sp_recorded_outcome *x = a, *y = b;

	return sp_records_order(x->call, y->call);
}

static void drop_repeated(struct sp_records *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->calls_n; i++)
		if (n == 0 || r->call[i].call.n == 0 ||
			!sp_bytes_eq(r->call[i].call, r->call[n - 1].call))
			r->call[n++] = r->call[i];
	r->repeated += r->calls_n - n;
	r->calls_n = n;
}

void sp_records_join(struct sp_records *r)
{
	if (r->calls_n == 0)
		return;
	qsort(r->call, r->calls_n, sizeof(*r->call), by_id);
	drop_repeated(r);
	if (r->outcomes_n)
		qsort(r->outcome, r->outcomes_n, sizeof(*r->outcome), by_outcome_id);
	for (uint32_t i = 0; r->outcomes_n && i < r->calls_n; i++) {
		struct sp_recorded_outcome key = {.call = r->call[i].call};
		const struct sp_recorded_outcome *o = bsearch(
			&key, r->outcome, r->outcomes_n, sizeof(key), by_outcome_id);

		if (key.call.n && o)
			r->call[i].outcome = o->outcome;
	}
	qsort(r->call, r->calls_n, sizeof(*r->call), by_time);
}

static int read_lines(struct sp_records *r, FILE *f, const char *name, struct sp_check *check)
{
	char *line = malloc(SP_RECORD_LINE_MAX);
	struct sp_at at = {name, 0, 0};
	int err = line ? 0 : -ENOMEM;

	errno = 0;
	while (err == 0 && fgets(line, (int)SP_RECORD_LINE_MAX, f)) {
		size_t n = strlen(line);

		at.line++;
		if ((n == 0 || line[n - 1] != '\n') && !feof(f)) {
			sp_check_add(check, at, NULL, "is longer than a record, or holds a NUL");
			err = -EBADMSG;
			break;
		}
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (n)
			err = sp_records_line(r, sp_bytes(line, n), at, check);
	}
	if (err == 0 && ferror(f))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

int sp_records_load(struct sp_records *r, const char *path, struct sp_check *check)
{
	bool own = strcmp(path, "-") != 0;
	FILE *f = own ? fopen(path, "re") : stdin;
	int err;

	if (!f) {
		err = -errno;
		*r = (struct sp_records){0};
		return err;
	}
	err = sp_records_init(r);
	if (err == 0)
		err = read_lines(r, f, own ? path : "standard input", check);
	if (own)
		fclose(f);
	if (err == 0)
		sp_records_join(r);
	return err;
}
