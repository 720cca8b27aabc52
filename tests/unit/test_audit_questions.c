/// What the audit process answers to those who ask it.
#include "tests/support/audit_ask.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/random.h>
#include <sys/stat.h>
#include "common/banned.h"

static void what_was_recorded_is_found_by_all_it_can_be_asked_by(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char from[32];

	start(r);
	run_calls(r, 0, 0); // calls 0..59 by three agents in turn, every tenth denied
	ASK(r, &a, "audit query", "type", "decision");
	assert_int_equal(a.n, 60);
	assert_true(all_have(&a, "\"type\":\"decision\""));
	for (unsigned i = 1; i < a.n; i++)
		assert_true(a.seq[i] > a.seq[i - 1]);
	ASK(r, &a, "audit query", "agent", "analyst");
	assert_int_equal(a.n, 40);
	assert_true(all_have(&a, "\"agent\":\"analyst\""));
	ASK(r, &a, "audit query", "agent", "analyst", "type", "outcome");
	assert_int_equal(a.n, 20);
	ASK(r, &a, "audit query", "decision", "deny");
	assert_int_equal(a.n, 6);
	ASK(r, &a, "audit query", "reason", "tool_denied", "agent", "support-bot");
	assert_int_equal(a.n, 2);
	ASK(r, &a, "audit query", "tool", "tool.3", "decision", "allow");
	assert_int_equal(a.n, 3); // calls 3, 37, 54 are allowed, 20 is denied
	ASK(r, &a, "audit query", "call", "05000000000000000000000000000000");
	assert_int_equal(a.n, 2);
	assert_true(strstr(a.text[0], "\"type\":\"decision\"") != NULL);
	assert_true(strstr(a.text[1], "\"type\":\"outcome\"") != NULL);
	ASK(r, &a, "audit query", "session", "737570706f72");
	assert_int_equal(a.n, 40);
	ASK(r, &a, "audit query", "agent", "nobody");
	assert_int_equal(a.n, 0);
	assert_int_equal(a.code, SP_CTL_OK);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "5");
	assert_int_equal(a.n, 5); // the last ones
	assert_true(strstr(a.text[4], "3a000000000000000000000000000000") != NULL);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "5", "from", "1");
	assert_true(strstr(a.text[0], "\"call\":\"00000000000000000000000000000000\"") != NULL);
	snprintf(from, sizeof(from), "%llu", (unsigned long long)a.seq[4] + 1);
	ASK(r, &a, "audit query", "type", "outcome", "limit", "100", "from", from);
	assert_int_equal(a.n, 54);
	ASK(r, &a, "audit query", "since", "2000000000000000000");
	assert_int_equal(a.n, 0);
	ASK(r, &a, "audit query", "until", "1000000000000000000");
	assert_int_equal(a.n, 0);
	// Who asked is on record too: written behind the answer, so it is waited for.
	for (unsigned i = 0; i < WAIT_MS / 10 && a.n < 3; i++) {
		usleep(10 * 1000);
		ASK(r, &a, "audit query", "type", "admin", "limit", "3");
	}
	assert_int_equal(a.n, 3);
	assert_true(all_have(&a, "\"object\":\"audit query\""));
	forget(&a);
	leave(r);
}

static void wrong_questions_are_told_what_is_wrong(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_cv_out o;
	uint8_t junk[600];
	int fd;

	start(r);
	ASK(r, &a, "audit query", "type", "nonsense");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	assert_non_null(strstr(a.error, "in_doubt"));
	ASK(r, &a, "audit query", "reason", "because");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "call", "xyz");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "limit", "0");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit query", "limit", "many");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	ASK(r, &a, "audit burn", "limit", "1");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	// What is no request ends the connection, and nothing else.
	for (unsigned i = 0; i < 40; i++) {
		begin(&o, "audit query", (const char *const[]){NULL});
		fd = call(r, &o);
		assert_int_equal(getrandom(junk, sizeof(junk), 0), sizeof(junk));
		(void)!write(fd, junk, sizeof(junk) - i);
		close(fd);
	}
	ASK(r, &a, "audit query", "type", "lifecycle");
	assert_int_equal(a.code, SP_CTL_OK);
	assert_true(a.n > 0);
	forget(&a);
	leave(r);
}

static void tail_shows_the_last_records_and_those_that_come(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	struct sp_cv_out o;
	int fd;

	start(r);
	run_calls(r, 0, 0);
	ASK(r, &a, "audit tail", "lines", "3", "no-follow", "", "agent", "analyst");
	assert_int_equal(a.n, 3);
	assert_true(all_have(&a, "\"agent\":\"analyst\""));
	forget(&a);
	begin(&o, "audit tail", (const char *const[]){"lines", "2", "decision", "deny", NULL});
	fd = call(r, &o);
	for (int i = 0; i < 2; i++)
		assert_true(take_answer(fd, &a));
	run_calls(r, 1, 100); // six of these are denied
	for (int i = 0; i < 6; i++)
		assert_true(take_answer(fd, &a));
	assert_true(all_have(&a, "\"decision\":\"deny\""));
	for (unsigned i = 1; i < a.n; i++)
		assert_true(a.seq[i] > a.seq[i - 1]);
	assert_non_null(strstr(a.text[7], "96000000000000000100000000000000"));
	close(fd);
	forget(&a);
	leave(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void a_deleted_index_is_filled_again_from_the_journal(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char path[160];

	start(r);
	for (unsigned i = 0; i < 50; i++) // more than one block
		run_calls(r, i % 2, 1000 * i);
	ASK(r, &a, "audit query", "decision", "deny", "limit", "299");
	assert_int_equal(a.n, 299);
	sp_rig_kill_audit(r);
	snprintf(path, sizeof(path), "%s/audit/index", r->path);
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	start(r);
	ASK(r, &a, "audit query", "decision", "deny", "limit", "299");
	assert_int_equal(a.n, 299);
	ASK(r, &a, "audit query", "call", "10270000000000000000000000000000");
	assert_int_equal(a.n, 2);
	forget(&a);
	leave(r);
}

static void verify_proves_the_trail_and_names_a_changed_record(void **state)
{
	struct sp_rig *r = *state;
	struct answers a = {0};
	char path[160], cmd[400];
	uint8_t b;
	int fd, status;

	start(r);
	run_calls(r, 0, 0);
	ASK(r, &a, "audit verify", "from", "1");
	assert_int_equal(a.code, SP_CTL_OK);
	assert_non_null(strstr(a.text[0], "\"chain_ok\":true"));
	snprintf(path, sizeof(path), "%s/audit/journal-000000000001", r->path);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &b, 1, 9000), 1);
	b ^= 1;
	assert_int_equal(pwrite(fd, &b, 1, 9000), 1);
	close(fd);
	ASK(r, &a, "audit verify", "from", "1");
	assert_int_equal(a.code, SP_CTL_REFUSED);
	assert_non_null(strstr(a.text[0], "\"chain_ok\":false"));
	forget(&a);
	leave(r);
	snprintf(cmd, sizeof(cmd), "%s --verify %s/audit | grep -q '\"chain_ok\":false'", SP_AUDIT_EXE,
		r->path);
	status = system(cmd);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_recorded_is_found_by_all_it_can_be_asked_by),
		TEST(wrong_questions_are_told_what_is_wrong),
		TEST(tail_shows_the_last_records_and_those_that_come),
		TEST(a_deleted_index_is_filled_again_from_the_journal),
		TEST(verify_proves_the_trail_and_names_a_changed_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
