#include "common/role_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "common/banned.h"

static struct sp_control_slot slot;

static enum sp_ctl_access of(uid_t uid, gid_t a, gid_t b)
{
	const gid_t groups[] = {a, b};

	return sp_role_table_of(&slot, uid, groups, 2);
}

static void the_highest_role_that_names_user_or_group_counts(void **state)
{
	static const struct sp_role_number v[] = {
		{100, false, SP_ACCESS_VIEW},
		{100, false, SP_ACCESS_REVIEW},
		{7, true, SP_ACCESS_OPERATE},
		{8, true, SP_ACCESS_VIEW},
	};

	(void)state;
	sp_role_table_put(&slot, v, SP_ARRAY_LEN(v));
	assert_int_equal(of(100, 1, 2), SP_ACCESS_REVIEW);
	assert_int_equal(of(100, 1, 7), SP_ACCESS_OPERATE);
	assert_int_equal(of(101, 8, 7), SP_ACCESS_OPERATE);
	assert_int_equal(of(101, 8, 1), SP_ACCESS_VIEW);
	assert_int_equal(of(7, 1, 2), SP_ACCESS_NONE);   // a user is not a group of that number
	assert_int_equal(of(1, 100, 2), SP_ACCESS_NONE); // nor the other way round
	assert_int_equal(sp_role_table_of(&slot, 101, NULL, 0), SP_ACCESS_NONE);
	sp_role_table_put(&slot, v, 1);
	assert_int_equal(of(100, 7, 8), SP_ACCESS_VIEW);
	sp_role_table_put(&slot, v, 0);
	assert_int_equal(of(100, 7, 8), SP_ACCESS_NONE);
}

static void a_table_that_is_changing_or_was_left_half_written_admits_nobody(void **state)
{
	static const struct sp_role_number all = {5, false, SP_ACCESS_ADMIN};

	(void)state;
	sp_role_table_put(&slot, &all, 1);
	atomic_store(&slot.roles_turn, atomic_load(&slot.roles_turn) + 1); // its writer died here
	assert_int_equal(of(5, 0, 0), SP_ACCESS_NONE);
	sp_role_table_put(&slot, &all, 1); // and its successor
	assert_int_equal(of(5, 0, 0), SP_ACCESS_ADMIN);
	assert_int_equal(atomic_load(&slot.roles_turn) & 1, 0);
}

static void more_roles_than_there_is_room_for_are_left_out(void **state)
{
	static struct sp_role_number v[SP_ROLES_MAX + 1];

	(void)state;
	for (uint32_t i = 0; i < SP_ARRAY_LEN(v); i++)
		v[i] = (struct sp_role_number){1000 + i, false, SP_ACCESS_VIEW};
	sp_role_table_put(&slot, v, SP_ARRAY_LEN(v));
	assert_int_equal(of(1000 + SP_ROLES_MAX - 1, 0, 0), SP_ACCESS_VIEW);
	assert_int_equal(of(1000 + SP_ROLES_MAX, 0, 0), SP_ACCESS_NONE);
	atomic_store(&slot.roles_n, UINT32_MAX); // a forged count reads nothing that is not there
	assert_int_equal(of(1, 0, 0), SP_ACCESS_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_role_that_names_user_or_group_counts),
		cmocka_unit_test(a_table_that_is_changing_or_was_left_half_written_admits_nobody),
		cmocka_unit_test(more_roles_than_there_is_room_for_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
