/// `policy simulate`: what a candidate policy would have said to recorded calls.
#include "tools/sallyctl/local.h"

#include "tools/sallyctl/local_records.h"
#include "tools/sallyctl/replay.h"

#include <stdio.h>
#include "common/banned.h"

/// One call whose verdict would be another, or could be.
struct change {
	const struct sp_recorded_call *c;
	enum sp_recorded decision;
	enum sp_reason reason;
	struct sp_bytes rule;
	const char *lacks;
	uint32_t calls;
};
struct simulation {
	struct change *change;
	uint32_t changes_n;
	uint32_t replayed, same, changed, undecidable, passed_over;
};

static int compare(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int c = (x->lacks != NULL) - (y->lacks != NULL);

	if (c == 0)
		c = sp_records_order(x->c->agent, y->c->agent);
	if (c == 0)
		c = sp_records_order(x->c->tool, y->c->tool);
	if (c == 0)
		c = (int)x->c->decision - (int)y->c->decision;
	if (c == 0 && x->lacks)
		return strcmp(x->lacks, y->lacks);
	if (c == 0)
		c = (int)x->decision - (int)y->decision;
	if (c == 0)
		c = (int)x->reason - (int)y->reason;
	return c ? c : sp_records_order(x->rule, y->rule);
}

/// Changes of one kind are one line, with the first of its calls as an example.
static void group(struct simulation *s)
{
	uint32_t n = 0;

	if (s->changes_n == 0)
		return;
	qsort(s->change, s->changes_n, sizeof(*s->change), compare);
	for (uint32_t i = 0; i < s->changes_n; i++) {
		if (n == 0 || compare(&s->change[i], &s->change[n - 1]) != 0) {
			s->change[n++] = s->change[i];
			continue;
		}
		s->change[n - 1].calls++;
		if (s->change[i].c->time_ns < s->change[n - 1].c->time_ns)
			s->change[n - 1].c = s->change[i].c;
	}
	s->changes_n = n;
}

static void replay_one(struct simulation *s, struct sp_replay *r, const struct sp_recorded_call *c)
{
	struct sp_replayed v;

	if (!sp_replay_concerns(c)) {
		s->passed_over++;
		return;
	}
	s->replayed++;
	sp_replay_call(r, c, &v);
	if (v.lacks)
		s->undecidable++;
	else if (v.decision == c->decision)
		s->same++;
	else
		s->changed++;
	if (v.lacks || v.decision != c->decision)
		s->change[s->changes_n++] =
			(struct change){c, v.decision, v.reason, v.rule, v.lacks, 1};
}

static int replay(struct simulation *s, const struct sp_snap *snap, const struct sp_records *records)
{
	struct sp_replay *r;

	s->change = calloc(records->calls_n + 1ul, sizeof(*s->change));
	if (!s->change)
		return -ENOMEM;
	SP_TRY(sp_replay_new(snap, records->calls_n, &r));
	for (uint32_t i = 0; i < records->calls_n; i++)
		replay_one(s, r, &records->call[i]);
	sp_replay_free(r);
	group(s);
	return 0;
}

static void put_change(struct sp_cv_out *o, const struct change *g)
{
	sp_cv_put_map(o);
	sp_records_put_text(o, "agent", g->c->agent);
	sp_records_put_text(o, "tool", g->c->tool);
	sp_records_put_text(o, "was", sp_bytes_cstr(sp_recorded_name(g->c->decision)));
	if (g->lacks) {
		sp_records_put_text(o, "lacks", sp_bytes_cstr(g->lacks));
	} else {
		sp_records_put_text(o, "would_be", sp_bytes_cstr(sp_recorded_name(g->decision)));
		sp_records_put_text(o, "reason", sp_bytes_cstr(sp_reason_info(g->reason)->name));
		sp_records_put_text(o, "rule", g->rule);
	}
	sp_records_put_number(o, "calls", g->calls);
	sp_records_put_text(o, "example", g->c->call);
	sp_cv_put_end(o);
}

static void put_list(
	struct sp_cv_out *o, const struct simulation *s, const char *key, bool undecidable)
{
	sp_cv_put_str(o, key);
	sp_cv_put_array(o);
	for (uint32_t i = 0; i < s->changes_n; i++)
		if ((s->change[i].lacks != NULL) == undecidable)
			put_change(o, &s->change[i]);
	sp_cv_put_end(o);
}

static int print(const struct sp_line *l, const struct simulation *s)
{
	struct sp_cv_out o;
	int err;

	sp_cv_out_init(&o);
	sp_cv_put_map(&o);
	sp_records_put_number(&o, "replayed", s->replayed);
	sp_records_put_number(&o, "same", s->same);
	sp_records_put_number(&o, "changed", s->changed);
	sp_records_put_number(&o, "undecidable", s->undecidable);
	sp_records_put_number(&o, "passed_over", s->passed_over);
	put_list(&o, s, "changes", false);
	put_list(&o, s, "undecided", true);
	sp_cv_put_end(&o);
	err = sp_records_print(l, &o, NULL);
	sp_cv_out_done(&o);
	return err;
}

static int simulate(const struct sp_line *l, const struct sp_records_line *what,
	const struct sp_snap *snap, const struct sp_records *records)
{
	struct simulation s = {0};
	int err = replay(&s, snap, records);

	if (err == 0)
		err = print(l, &s);
	free(s.change);
	if (err == 0 && s.replayed == 0)
		fputs("sallyctl: there is no call in the records that policy could decide: nothing was replayed\n",
			stderr);
	if (err || !what->fail_on_change)
		return err;
	if (s.undecidable)
		fprintf(stderr, "sallyctl: of %u calls the verdict cannot be told from the records\n",
			(unsigned)s.undecidable);
	return s.changed || s.replayed == 0 ? SP_CTL_REFUSED : SP_CTL_OK; // nothing seen is no proof
}

int sp_local_policy_simulate(const struct sp_line *l)
{
	return sp_records_ask(l, simulate);
}
