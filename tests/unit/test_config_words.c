/// Words that files, answers and commands have for one thing are the same.
#include "common/ctl_table.h"
#include "common/policy_words.h"
#include "config/gateway_schema.h"
#include "config/policy_native.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include "common/banned.h"

/// The setting at a dotted path.
static const struct sp_field *setting(const struct sp_schema *s, const char *path)
{
	size_t n = strcspn(path, ".");

	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];

		if (strlen(f->name) == n && memcmp(f->name, path, n) == 0)
			return path[n] ? setting(f->group, path + n + 1) : f;
	}
	fail_msg("no setting %s", path);
	return NULL;
}

static void each_word_of_a_policy_is_the_name_of_what_it_means(void **state)
{
	static const struct {
		const char *path;
		const char *(*name)(unsigned);
		unsigned first; ///< what the first word means
	} rows[] = {
		{"rules.effect", sp_effect_name, 0},
		{"limits.per", sp_limit_per_name, SP_PER_REQUEST},
		{"tools.class", sp_action_class_name, 0},
		{"risk.mode", sp_risk_mode_name, 0},
	};

	(void)state;
	for (size_t i = 0; i < SP_ARRAY_LEN(rows); i++) {
		const char *const *words = setting(&sp_policy_schema, rows[i].path)->words;
		unsigned n = 0;

		for (; words[n]; n++)
			assert_string_equal(words[n], rows[i].name(rows[i].first + n));
		assert_true(n > 1);
		assert_string_equal(rows[i].name(rows[i].first + n), "");
	}
}

/// A number for each, by its name.
static void weights_and_bases_are_called_as_what_they_weigh(void **state)
{
	const struct sp_schema *weights = setting(&sp_policy_schema, "risk.weights")->group;
	const struct sp_schema *bases = setting(&sp_policy_schema, "risk.class_base")->group;

	(void)state;
	assert_int_equal(weights->n, SP_TERM__COUNT);
	for (unsigned i = 0; i < weights->n; i++)
		assert_string_equal(weights->field[i].name, sp_risk_term_name(i));
	for (unsigned i = 0; i < bases->n; i++)
		assert_string_equal(bases->field[i].name, sp_action_class_name(SP_CLASS_READ + i));
	assert_int_equal(SP_CLASS_READ + bases->n, SP_CLASS_ADMIN + 1);
}

static void levels_of_audit_have_the_same_words_everywhere(void **state)
{
	const char *const *in_policy = setting(&sp_policy_schema, "agents.audit_level")->words;
	const char *const *by_default = setting(&sp_gateway_schema, "policy.default_audit_level")->words;
	unsigned n = 0;

	(void)state;
	for (; by_default[n]; n++) {
		assert_string_equal(by_default[n], sp_audit_level_name(n));
		assert_string_equal(in_policy[n + 1], by_default[n]);
	}
	assert_int_equal(n, SP_AUDIT_STRICT + 1);
	assert_null(in_policy[n + 1]);
}

/// `words` joined by blanks.
static void assert_choices(const char *choices, const char *const *words)
{
	for (; *words; words++) {
		size_t n = strlen(*words);

		assert_int_equal(strncmp(choices, *words, n), 0);
		choices += n;
		if (words[1])
			assert_int_equal(*choices++, ' ');
	}
	assert_string_equal(choices, "");
}

static void a_new_gateway_may_have_each_profile(void **state)
{
	const struct sp_ctl_command *init = sp_ctl_command_find(SP_LIT("init"));
	unsigned found = 0;

	(void)state;
	assert_non_null(init);
	for (unsigned i = 0; i < init->args_n; i++)
		if (strcmp(init->args[i].name, "profile") == 0) {
			assert_choices(init->args[i].choices, sp_profile_words);
			found++;
		}
	assert_int_equal(found, 1);
}

static unsigned check_words(const struct sp_schema *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sp_field *f = &s->field[i];
		bool there = !f->def;

		if (f->group)
			n += check_words(f->group);
		if (f->kind != SP_KIND_WORD)
			continue;
		for (unsigned w = 0; f->words[w]; w++) {
			there = there || strcmp(f->words[w], f->def) == 0;
			for (unsigned before = 0; before < w; before++)
				assert_string_not_equal(f->words[before], f->words[w]);
		}
		if (!there)
			fail_msg("%s: %s is none of its words", f->name, f->def);
		n++;
	}
	return n;
}

static void a_default_is_one_of_the_words_of_its_setting(void **state)
{
	(void)state;
	assert_true(check_words(&sp_gateway_schema) > 4);
	assert_true(check_words(&sp_policy_schema) > 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_of_a_policy_is_the_name_of_what_it_means),
		cmocka_unit_test(weights_and_bases_are_called_as_what_they_weigh),
		cmocka_unit_test(levels_of_audit_have_the_same_words_everywhere),
		cmocka_unit_test(a_new_gateway_may_have_each_profile),
		cmocka_unit_test(a_default_is_one_of_the_words_of_its_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
