/// What a call reads of the history and leaves in it, with a worker that has nothing else.
#include "common/clock.h"
#include "dataplane/decide/facts.h"
#include "tests/support/judge_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>
#include "common/banned.h"

#define WINDOWS_LEAST 256u ///< that a configuration may have

static struct rig rig;
static struct sp_worker *w;
static struct sp_shm shm;
static int fd;

static int begin(void **state)
{
	(void)state;
	rig_init(&rig);
	w = calloc(1, sizeof(*w));
	assert_non_null(w);
	assert_int_equal(sp_facts_new(&w->facts), 0);
	w->now_ns = 100 * SP_NS_PER_SEC;
	return 0;
}

static int end(void **state)
{
	(void)state;
	sp_shm_detach(&shm);
	close(fd);
	sp_facts_free(w->facts);
	free(w);
	rig_done(&rig);
	return 0;
}

static void publish(uint32_t windows)
{
	const struct sp_history_sizes sizes = {16, windows, 16, 3600 * SP_NS_PER_SEC, 100};

	rig_publish(&rig);
	assert_int_equal(sp_shm_create("limits", SP_REGION_LIMITS, sp_history_bytes(&sizes),
				 sizeof(struct sp_limits_region), &shm, &fd),
		0);
	assert_int_equal(sp_history_format(&shm, &sizes), 0);
	assert_int_equal(sp_history_attach(&shm, &w->history), 0);
}

/// A call that was authorized; until the next one.
static struct sp_call *call(const char *agent, const char *tool, uint32_t session)
{
	static struct sp_call c;
	struct sp_judge_call *j = &w->facts->call;

	rig_call(&rig, agent, tool, "");
	*j = rig.call;
	c = (struct sp_call){.w = w,
		.snap = &rig.snap,
		.method = SP_METHOD_TOOLS_CALL,
		.agent = rig.call.agent,
		.has_session = true,
		.name_len = (uint32_t)strlen(tool)};
	memcpy(c.session.number, &session, sizeof(session));
	memcpy(c.name, tool, c.name_len);
	c.principal.agent_len = (uint8_t)snprintf(
		c.principal.text, sizeof(c.principal.text), "%s", agent);
	assert_int_equal(sp_facts_name(&c, 0, sp_call_name(&c), 0, w->facts->name, j), 0);
	sp_judge_begin(&c.verdict);
	assert_int_equal(sp_judge_authorize(j, &c.verdict), SP_REASON_NONE);
	return &c;
}

static int goes_out(const char *tool)
{
	return sp_remember_forwarded(call("bot", tool, 1));
}

static void succeeds(const char *tool)
{
	struct sp_call *c = call("bot", tool, 1);

	assert_int_equal(sp_remember_forwarded(c), 0);
	c->forwarded = true;
	c->outcome = SP_OUTCOME_OK;
	sp_remember_outcome(c);
}

static void a_call_whose_order_another_used_up_does_not_go_out(void **state)
{
	(void)state;
	rig_allow_list(rig.p, "bot", "look,drop");
	rig_sequence(rig.p, "look first", SP_SEQ_REQUIRE_BEFORE, "look", "drop");
	publish(WINDOWS_LEAST);
	succeeds("look");
	assert_int_equal(goes_out("drop"), 0);
	assert_int_equal(goes_out("drop"), SP_REASON_SEQUENCE_DENIED);
}

/// What the one rule that forbids has seen; `forget` it then.
static uint32_t forbidding(bool forget)
{
	uint32_t i = 0, was = 0;
	const struct sp_snap_sequence *q;

	do {
		assert_in_range(i, 0, rig.snap.h->policy.sequences.n - 1);
		q = SP_SNAP_POLICY(&rig.snap, sequences, sp_snap_sequence, i++);
	} while (q->kind != SP_SEQ_FORBID_AFTER);
	assert_int_equal(sp_history_set(&w->history, NULL, sp_facts_sequence_key(call("bot", "mail", 1), q),
				 q->window_ns, 0, forget ? SP_SEQ_SAW_FIRST : 0, w->now_ns, &was),
		0);
	return was;
}

static void a_call_that_one_order_rule_keeps_back_uses_up_nothing_of_the_others(void **state)
{
	static const char *const needed[] = {"look", "verify"};

	(void)state;
	rig_allow_list(rig.p, "bot", "look,verify,drop,mail");
	rig_sequence(rig.p, "look first", SP_SEQ_REQUIRE_BEFORE, "look", "drop");
	rig_sequence(rig.p, "quiet after", SP_SEQ_FORBID_AFTER, "drop", "mail");
	rig_sequence(rig.p, "verify first", SP_SEQ_REQUIRE_BEFORE, "verify", "drop");
	publish(WINDOWS_LEAST);
	for (unsigned i = 0; i < 2; i++) {
		succeeds(needed[i]);
		assert_int_equal(goes_out("drop"), SP_REASON_SEQUENCE_DENIED);
		assert_int_equal(forbidding(false), 0);
		succeeds(needed[1 - i]);
		assert_int_equal(goes_out("drop"), 0);
		assert_int_equal(forbidding(true), SP_SEQ_SAW_FIRST);
		assert_int_equal(goes_out("drop"), SP_REASON_SEQUENCE_DENIED); // used up by the first
	}
}

/// A call of a tool that must come before others, which goes out; 0 or a reason.
static int looks(uint32_t session, uint64_t ends_s)
{
	struct sp_call *c = call("bot", "look", session);
	int why;

	c->session.expires_s = ends_s;
	why = sp_facts_past(c);
	return why ? why : sp_remember_forwarded(c);
}

static void a_session_that_ended_makes_room_for_another(void **state)
{
	const uint64_t ends = 2000000060;

	(void)state;
	rig_allow_list(rig.p, "bot", "look,drop");
	rig_sequence(rig.p, "look first", SP_SEQ_REQUIRE_BEFORE, "look", "drop");
	publish(1);
	w->wall_ns = 2000000000 * SP_NS_PER_SEC;
	for (uint32_t session = 0; session < 7; session++)
		assert_int_equal(looks(session, ends), 0);
	assert_int_equal(looks(7, ends), SP_REASON_LIMIT_UNAVAILABLE);
	w->wall_ns += 62 * SP_NS_PER_SEC;
	w->now_ns += 62 * SP_NS_PER_SEC;
	for (uint32_t session = 8; session < 15; session++)
		assert_int_equal(looks(session, ends + 600), 0);
}

static void what_is_of_a_tokens_session_is_kept_as_long_as_the_token(void **state)
{
	struct sp_call *c;

	(void)state;
	rig_allow_list(rig.p, "bot", "look");
	rig.p->risk.on = true;
	publish(WINDOWS_LEAST);
	w->wall_ns = 2000000000 * SP_NS_PER_SEC;
	for (unsigned i = 0; i < 2; i++) {
		c = call("bot", "look", 0);
		c->has_session = false;
		c->principal.ends_ns = 2000086400 * SP_NS_PER_SEC;
		assert_int_equal(sp_facts_past(c), 0);
		assert_int_equal(w->facts->past.session_new, i == 0);
		assert_int_equal(sp_remember_forwarded(c), 0);
		w->wall_ns += 80000 * SP_NS_PER_SEC; // unused for longer than a session whose end is not known
		w->now_ns += 80000 * SP_NS_PER_SEC;
	}
}

/// `n` windows that stay for a day.
static void fill(uint64_t n)
{
	for (uint64_t i = 1; i <= n; i++) {
		struct sp_window_ask ask = {
			.key = i, .kind = SP_LIMIT_CALLS, .per = SP_PER_DAY, .amount = 1, .max = 1};
		unsigned refused;
		uint64_t ms;

		assert_int_equal(sp_windows_take(
					 &w->history.windows, NULL, &ask, 1, w->now_ns, &refused, &ms),
			0);
	}
}

static void every_call_for_whose_session_there_is_no_room_is_counted(void **state)
{
	(void)state;
	rig_allow_list(rig.p, "bot", "look");
	rig.p->risk.on = true;
	publish(1);
	fill(15);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(sp_facts_past(call("bot", "look", i)), SP_REASON_LIMIT_UNAVAILABLE);
	assert_int_equal(w->stat[SP_STAT_SHED_WINDOW], 20);
}

static void every_call_for_whose_order_rule_there_is_no_room_is_counted(void **state)
{
	(void)state;
	rig_allow_list(rig.p, "bot", "look,drop");
	rig_sequence(rig.p, "quiet after", SP_SEQ_FORBID_AFTER, "look", "drop");
	publish(1);
	fill(14); // the session's own is the last
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(sp_facts_past(call("bot", "look", 1)), SP_REASON_LIMIT_UNAVAILABLE);
	assert_int_equal(w->stat[SP_STAT_SHED_WINDOW], 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(a_call_whose_order_another_used_up_does_not_go_out),
		T(a_call_that_one_order_rule_keeps_back_uses_up_nothing_of_the_others),
		T(a_session_that_ended_makes_room_for_another),
		T(what_is_of_a_tokens_session_is_kept_as_long_as_the_token),
		T(every_call_for_whose_session_there_is_no_room_is_counted),
		T(every_call_for_whose_order_rule_there_is_no_room_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
