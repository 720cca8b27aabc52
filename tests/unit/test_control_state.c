#include "common/clock.h"
#include "controlplane/control/keys.h"
#include "controlplane/control/policies.h"
#include "controlplane/control/revocations.h"
#include "controlplane/control/statefile.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <cmocka.h>
#include "common/banned.h"

static char dir[64];
static int dir_fd;
static struct sp_shm revoked;
static int revoked_fd;
static struct sp_root root;

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sp-state-XXXXXX");
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	memset(&root, 0, sizeof(root));
	assert_int_equal(sp_shm_create("revoked", SP_REGION_REVOKED, sp_revoked_bytes(64),
				 sizeof(struct sp_revoked_region), &revoked, &revoked_fd),
		0);
	assert_int_equal(sp_revoked_format(&revoked, 64), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(dir_fd);
	close(revoked_fd);
	sp_shm_detach(&revoked);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

static int again(void **state)
{
	tear_down(state);
	return set_up(state);
}

static const char *shrinks; ///< cut to one byte before the next read

/// Instead of the C library's.
ssize_t read(int fd, void *to, size_t n)
{
	if (shrinks && truncate(shrinks, 1) == 0)
		shrinks = NULL;
	return syscall(SYS_read, fd, to, n);
}

static void a_file_that_shrinks_while_it_is_read_is_not_taken_for_a_shorter_one(void **state)
{
	char path[80];
	uint8_t *text;
	size_t n;

	(void)state;
	snprintf(path, sizeof(path), "%s/n", dir);
	assert_int_equal(sp_state_write(dir_fd, "n", SP_LIT("1234")), 0);
	shrinks = path;
	assert_int_equal(sp_state_read(dir_fd, "n", 100, &text, &n), -EIO);
	assert_null(shrinks);
	assert_int_equal(sp_state_read(dir_fd, "n", 100, &text, &n), 0);
	assert_int_equal(n, 1);
	free(text);
}

static void a_number_is_kept_and_nonsense_is_not_a_number(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(sp_state_read_u64(dir_fd, "n", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(sp_state_write_u64(dir_fd, "n", UINT64_MAX), 0);
	assert_int_equal(sp_state_read_u64(dir_fd, "n", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(sp_state_write(dir_fd, "n", SP_LIT("12x\n")), 0);
	assert_int_equal(sp_state_read_u64(dir_fd, "n", &v), -EBADMSG);
}

static void files_are_for_their_owner_only(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(sp_state_write(dir_fd, "f", SP_LIT("x")), 0);
	assert_int_equal(fstatat(dir_fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void session_keys_outlive_control_and_ticket_keys_the_process_only(void **state)
{
	struct sp_keys a, b;
	struct sp_secrets_half running = {0};

	(void)state;
	assert_int_equal(sp_keys_init(&a, dir_fd, NULL, 0, 100), 0);
	assert_memory_not_equal(a.session[0], a.session[1], 32);
	assert_int_equal(sp_keys_init(&b, dir_fd, NULL, 0, 100), 0);
	assert_memory_equal(a.session, b.session, sizeof(a.session));
	assert_memory_equal(a.session_id, b.session_id, 2);
	assert_memory_not_equal(&a.ticket[0], &b.ticket[0], sizeof(a.ticket[0]));
	memcpy(running.ticket, a.ticket, sizeof(a.ticket));
	assert_int_equal(sp_keys_init(&b, dir_fd, &running, 0, 100), 0);
	assert_memory_equal(a.ticket, b.ticket, sizeof(a.ticket));
}

static void keys_rotate_when_due_and_the_one_before_still_opens(void **state)
{
	uint64_t wall = sp_clock_wall_ns();
	struct sp_keys a, b, kept;
	bool changed = true;

	(void)state;
	assert_int_equal(sp_keys_init(&a, dir_fd, NULL, 1000, 100), 0);
	b = a;
	assert_int_equal(
		sp_keys_rotate(&b, dir_fd, 1099, wall, 100, 3600 * SP_NS_PER_SEC, &changed), 0);
	assert_false(changed);
	assert_int_equal(
		sp_keys_rotate(&b, dir_fd, 1100, wall, 100, 3600 * SP_NS_PER_SEC, &changed), 0);
	assert_true(changed);
	assert_memory_equal(&b.ticket[1], &a.ticket[0], sizeof(a.ticket[0]));
	assert_memory_not_equal(&b.ticket[0], &a.ticket[0], sizeof(a.ticket[0]));
	assert_memory_equal(b.session, a.session, sizeof(a.session));
	assert_int_equal(sp_keys_rotate(&b, dir_fd, 1101, wall + 7200 * SP_NS_PER_SEC, 100,
				 3600 * SP_NS_PER_SEC, &changed),
		0);
	assert_true(changed);
	assert_memory_equal(b.session[1], a.session[0], 32);
	assert_int_equal(b.session_id[1], a.session_id[0]);
	assert_int_equal(b.session_id[0], a.session_id[0] + 1);
	assert_int_equal(sp_keys_init(&kept, dir_fd, NULL, 0, 100), 0);
	assert_memory_equal(kept.session, b.session, sizeof(b.session));
}

static void a_damaged_key_file_is_refused_not_replaced(void **state)
{
	struct sp_keys k;
	uint8_t *raw;
	size_t n;

	(void)state;
	assert_int_equal(sp_keys_init(&k, dir_fd, NULL, 0, 100), 0);
	assert_int_equal(sp_state_read(dir_fd, "session-keys", 4096, &raw, &n), 0);
	for (size_t cut = 0; cut < n; cut++) {
		assert_int_equal(sp_state_write(dir_fd, "session-keys", sp_bytes(raw, cut)), 0);
		assert_int_equal(sp_keys_init(&k, dir_fd, NULL, 0, 100), -EBADMSG);
	}
	raw[0] ^= 1;
	assert_int_equal(sp_state_write(dir_fd, "session-keys", sp_bytes(raw, n)), 0);
	assert_int_equal(sp_keys_init(&k, dir_fd, NULL, 0, 100), -EBADMSG);
	free(raw);
}

static bool holds(uint8_t id)
{
	uint8_t sha256[32] = {id};

	return sp_revoked_has(
		(struct sp_revoked_region *)revoked.base, sp_revoked_key(SP_REVOKED_TOKEN, sha256));
}

static int revoke_token(struct sp_revocations *r, uint8_t id)
{
	const struct sp_revocation v = {SP_REVOKED_TOKEN, {id}, 1, 0};

	return sp_revocations_add(r, &v);
}

static void a_revocation_takes_effect_and_outlives_everything(void **state)
{
	struct sp_revocations r;

	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
	assert_false(holds(1));
	assert_int_equal(revoke_token(&r, 1), 0);
	assert_true(holds(1));
	assert_int_equal(root.revoked_head, 1);
	assert_int_equal(revoke_token(&r, 1), -EEXIST);
	assert_int_equal(revoke_token(&r, 2), 0);
	sp_revocations_done(&r);
	close(revoked_fd);
	sp_shm_detach(&revoked);
	assert_int_equal(sp_shm_create("revoked", SP_REGION_REVOKED, sp_revoked_bytes(64),
				 sizeof(struct sp_revoked_region), &revoked, &revoked_fd),
		0);
	assert_int_equal(sp_revoked_format(&revoked, 64), 0);
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
	assert_true(holds(1) && holds(2) && !holds(3));
	assert_int_equal(r.loaded, 2);
	sp_revocations_done(&r);
	(void)state;
}

static void a_half_written_last_revocation_is_dropped_and_the_next_is_whole(void **state)
{
	struct sp_revocations r;
	uint8_t *text;
	size_t n, first;

	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
	assert_int_equal(revoke_token(&r, 1), 0);
	assert_int_equal(revoke_token(&r, 2), 0);
	sp_revocations_done(&r);
	assert_int_equal(sp_state_read(dir_fd, "revoked", 4096, &text, &n), 0);
	first = n / 2;
	for (size_t cut = first; cut < n; cut++) {
		again(state);
		assert_int_equal(sp_state_write(dir_fd, "revoked", sp_bytes(text, cut)), 0);
		assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
		assert_true(holds(1) && !holds(2));
		assert_int_equal(r.cut, cut - first);
		assert_int_equal(revoke_token(&r, 3), 0);
		sp_revocations_done(&r);
		assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
		assert_int_equal(r.loaded, 2);
		sp_revocations_done(&r);
	}
	free(text);
}

static void sessions_agents_ended_leave_half_of_the_table_to_operators(void **state)
{
	struct sp_revocations r;
	uint8_t id[16] = {0};
	int n = 0, err = 0;

	(void)state;
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
	for (; err == 0 && n < 64; n++) {
		id[0] = (uint8_t)n;
		err = sp_revocations_end_session(&r, id, 1000 + (uint64_t)n);
	}
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(n, 33);
	assert_int_equal(revoke_token(&r, 9), 0);
	sp_revocations_done(&r);
}

static void sessions_that_have_expired_since_are_forgotten_at_a_start(void **state)
{
	static const char file[] = "900 0 token 01000000000000000000000000000000\n"
				   "1001 4294967295 session 0a000000000000000000000000000000\n"
				   "1002 4294967295 session 0b000000000000000000000000000000\n"
				   "1003 0 agent 0c00";
	struct sp_revocations r;
	uint8_t *text;
	size_t n;

	(void)state;
	assert_int_equal(sp_state_write(dir_fd, "revoked", sp_bytes(file, sizeof(file) - 1)), 0);
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 1002), 0);
	assert_int_equal(r.expired, 1);
	assert_int_equal(r.loaded, 2);
	assert_true(holds(1));
	assert_int_equal(revoke_token(&r, 2), 0);
	sp_revocations_done(&r);
	assert_int_equal(sp_state_read(dir_fd, "revoked", 4096, &text, &n), 0);
	assert_null(strstr((char *)text, "1001 "));
	assert_non_null(strstr((char *)text, "1002 "));
	free(text);
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 1002), 0);
	assert_int_equal(r.loaded, 3);
	assert_int_equal(r.expired, 0);
	sp_revocations_done(&r);
}

static void a_revocation_file_damaged_before_its_end_stops_the_start(void **state)
{
	struct sp_revocations r;

	(void)state;
	assert_int_equal(sp_state_write(dir_fd, "revoked",
				 SP_LIT("1 0 token 0100000000000000000000000000000\n"
					"1 0 token 01000000000000000000000000000000\n")),
		0);
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), -EBADMSG);
}

static void a_full_table_refuses_and_writes_nothing(void **state)
{
	struct sp_revocations r;
	uint8_t id = 1;

	(void)state;
	assert_int_equal(sp_revocations_init(&r, &root, &revoked, dir_fd, 0), 0);
	while (revoke_token(&r, id) == 0)
		id++;
	assert_int_equal(id, 49); // three quarters of 64
	assert_int_equal(revoke_token(&r, id), -ENOSPC);
	sp_revocations_done(&r);
	assert_int_equal(again(state), 0);
}

static void a_revocation_line_is_read_strictly(void **state)
{
	static const char good[] = "17 1000 session 0123456789abcdef0123456789abcdef";
	static const char *const bad[] = {"", " ", "17",
		"x 1000 session 0123456789abcdef0123456789abcdef",
		"17 1000 sessions 0123456789abcdef0123456789abcdef",
		"17 99999999999 session 0123456789abcdef0123456789abcdef",
		"17 1000 session 0123456789ABCDEF0123456789abcdef",
		"17 1000 session 0123456789abcdef0123456789abcdef more",
		"17  1000 session 0123456789abcdef0123456789abcdef"};
	struct sp_revocation v;
	uint8_t text[128];
	struct sp_out o = sp_out_init(text, sizeof(text));

	(void)state;
	assert_int_equal(sp_revocation_parse(sp_bytes_cstr(good), &v), 0);
	assert_int_equal(v.kind, SP_REVOKED_SESSION);
	assert_int_equal(v.uid, 1000);
	assert_int_equal(v.id[15], 0xef);
	sp_revocation_print(&v, &o);
	assert_true(sp_bytes_eq(sp_bytes(text, o.len), sp_bytes_cstr(good)));
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		assert_int_equal(sp_revocation_parse(sp_bytes_cstr(bad[i]), &v), -EBADMSG);
	for (size_t n = 0; n < sizeof(good) - 1; n++)
		assert_int_equal(sp_revocation_parse(sp_bytes(good, n), &v), -EBADMSG);
}

static struct sp_policy_entry entry(uint64_t generation)
{
	struct sp_policy_entry e = {.generation = generation,
		.wall_ns = 5,
		.origin = SP_ORIGIN_ROLLBACK,
		.from = 3,
		.sha256 = {0xab},
		.actor = "root (uid 0)",
		.note = "a note\nin two lines"};

	return e;
}

static void an_entry_of_the_history_comes_back_and_every_truncation_is_refused(void **state)
{
	struct sp_policy_entry e = entry(7), got;
	uint8_t text[1024];
	struct sp_out o = sp_out_init(text, sizeof(text));

	(void)state;
	sp_policy_entry_print(&e, &o);
	assert_int_equal(sp_policy_entry_parse(sp_bytes(text, o.len), &got), 0);
	assert_int_equal(got.generation, 7);
	assert_int_equal(got.origin, SP_ORIGIN_ROLLBACK);
	assert_int_equal(got.from, 3);
	assert_memory_equal(got.sha256, e.sha256, 32);
	assert_string_equal(got.note, "a note?in two lines");
	for (size_t n = 0; n < o.len; n++)
		assert_int_equal(sp_policy_entry_parse(sp_bytes(text, n), &got), -EBADMSG);
}

static void stage(struct sp_policies *p, const char *text)
{
	assert_int_equal(sp_policies_stage_clear(p), 0);
	assert_int_equal(sp_policies_stage_file(p, SP_LIT("a.json"), sp_bytes_cstr(text)), 0);
}

static void what_was_published_can_be_staged_again(void **state)
{
	struct sp_policies p;
	static struct sp_policy_entry list[SP_POLICIES_KEPT];
	struct sp_policy_entry e1 = entry(1), e2 = entry(2);
	char path[600];
	uint8_t *text;
	size_t n;

	(void)state;
	assert_int_equal(mkdirat(dir_fd, "control", 0700), 0);
	dir_fd = openat(dir_fd, "control", O_RDONLY | O_DIRECTORY);
	assert_int_equal(sp_policies_init(&p, dir, dir_fd), 0);
	stage(&p, "one");
	assert_int_equal(sp_policies_keep(&p, &e1), 0);
	stage(&p, "two");
	assert_int_equal(sp_policies_keep(&p, &e2), 0);
	assert_int_equal(sp_policies_list(&p, list), 2);
	assert_int_equal(list[0].generation, 2);
	assert_int_equal(sp_policies_stage_kept(&p, 1), 0);
	snprintf(path, sizeof(path), "%s/a.json", p.stage_path);
	assert_int_equal(sp_state_read(AT_FDCWD, path, 100, &text, &n), 0);
	assert_memory_equal(text, "one", 3);
	free(text);
	assert_int_equal(sp_policies_stage_kept(&p, 9), -ENOENT);
	close(p.dir_fd);
}

static void only_the_newest_are_kept_and_one_half_written_is_none(void **state)
{
	struct sp_policies p;
	static struct sp_policy_entry list[SP_POLICIES_KEPT];

	(void)state;
	assert_int_equal(sp_policies_init(&p, dir, dir_fd), 0);
	for (uint64_t g = 1; g <= SP_POLICIES_KEPT + 3; g++) {
		struct sp_policy_entry e = entry(g);

		stage(&p, "x");
		assert_int_equal(sp_policies_keep(&p, &e), 0);
	}
	assert_int_equal(mkdirat(p.dir_fd, "99", 0700), 0); // control died before it wrote meta
	assert_int_equal(sp_policies_list(&p, list), SP_POLICIES_KEPT - 1 + 1);
	assert_int_equal(list[0].generation, SP_POLICIES_KEPT + 3);
	assert_int_equal(list[SP_POLICIES_KEPT - 1].generation, 4);
	close(p.dir_fd);
}

static void a_source_cannot_be_named_out_of_the_stage(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../x.json", "a/b.json", ".hidden.json",
		"a\nb.json", "a.txt", "json"};
	struct sp_policies p;

	(void)state;
	assert_int_equal(sp_policies_init(&p, dir, dir_fd), 0);
	assert_int_equal(sp_policies_stage_clear(&p), 0);
	for (size_t i = 0; i < SP_ARRAY_LEN(bad); i++)
		assert_int_equal(
			sp_policies_stage_file(&p, sp_bytes_cstr(bad[i]), SP_LIT("x")), -EINVAL);
	assert_int_equal(sp_policies_stage_file(&p, SP_LIT("a.json"), SP_LIT("x")), 0);
	assert_int_equal(sp_policies_stage_file(&p, SP_LIT("a.json"), SP_LIT("y")), -EEXIST);
	close(p.dir_fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_file_that_shrinks_while_it_is_read_is_not_taken_for_a_shorter_one),
		CASE(a_number_is_kept_and_nonsense_is_not_a_number),
		CASE(files_are_for_their_owner_only),
		CASE(session_keys_outlive_control_and_ticket_keys_the_process_only),
		CASE(keys_rotate_when_due_and_the_one_before_still_opens),
		CASE(a_damaged_key_file_is_refused_not_replaced),
		CASE(a_revocation_takes_effect_and_outlives_everything),
		CASE(a_half_written_last_revocation_is_dropped_and_the_next_is_whole),
		CASE(sessions_agents_ended_leave_half_of_the_table_to_operators),
		CASE(sessions_that_have_expired_since_are_forgotten_at_a_start),
		CASE(a_revocation_file_damaged_before_its_end_stops_the_start),
		CASE(a_full_table_refuses_and_writes_nothing),
		CASE(a_revocation_line_is_read_strictly),
		CASE(an_entry_of_the_history_comes_back_and_every_truncation_is_refused),
		CASE(what_was_published_can_be_staged_again),
		CASE(only_the_newest_are_kept_and_one_half_written_is_none),
		CASE(a_source_cannot_be_named_out_of_the_stage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
