#include "config/policy_text.h"

#include "common/sql/sql.h"
#include "common/url.h"
#include "config/policy.h"

#include <ctype.h>
#include "common/banned.h"

#define NAME_LENGTH "has to have 1 to 128 characters"

static const char *visible(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > SP_POLICY_NAME_MAX)
		return NAME_LENGTH;
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return "has to be visible ASCII without blanks";
	return NULL;
}

const char *sp_policy_agent_wrong(const char *s)
{
	const char *wrong = visible(s);

	if (!wrong && strchr(s, '*'))
		wrong = "holds a *: names are exact, there are no wildcards";
	return wrong;
}

const char *sp_policy_action_wrong(const char *s)
{
	return sp_policy_agent_wrong(s);
}

const char *sp_policy_tool_wrong(const char *s)
{
	const char *wrong = visible(s);

	if (!wrong && strchr(s, '?'))
		wrong = "holds a ?: the only wildcard is *";
	return wrong;
}

const char *sp_policy_word_wrong(const char *s)
{
	return sp_policy_agent_wrong(s);
}

const char *sp_policy_title_wrong(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > SP_POLICY_NAME_MAX)
		return NAME_LENGTH;
	if (s[0] == ' ' || s[n - 1] == ' ')
		return "begins or ends with a blank";
	for (; *s; s++)
		if ((uint8_t)*s < ' ' || *s == 0x7f)
			return "has to be one line without control characters";
	return NULL;
}

const char *sp_policy_table_wrong(const char *s)
{
	unsigned dots = 0;

	if (strpbrk(s, "\"'`[]();,"))
		return "holds quotes, brackets or marks: a name is written without them";
	for (const char *p = s; *p; p++)
		dots += *p == '.';
	return dots > 2 ? "has more than three parts" : visible(s);
}

const char *sp_policy_function_wrong(const char *s)
{
	return sp_policy_agent_wrong(s);
}

const char *sp_policy_endpoint_wrong(const char *s)
{
	return sp_url_glob_wrong(sp_bytes_cstr(s));
}

const char *sp_policy_root_wrong(const char *s)
{
	return sp_path_root_wrong(sp_bytes_cstr(s));
}

struct style {
	const char *word;
	uint32_t bit;
};
static const struct style styles[] = {
	{"select", SP_SQL_SELECT},
	{"select-only", SP_SQL_SELECT},
	{"insert", SP_SQL_INSERT},
	{"insert-only", SP_SQL_INSERT},
	{"update", SP_SQL_UPDATE},
	{"delete", SP_SQL_DELETE},
	{"explain", SP_SQL_EXPLAIN},
	{"ddl", SP_SQL_DDL},
};

uint32_t sp_policy_style(const char *s)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(styles); i++)
		if (strcmp(styles[i].word, s) == 0)
			return styles[i].bit;
	return 0;
}

const char *sp_policy_style_wrong(const char *s)
{
	return sp_policy_style(s) ? NULL
				  : "is none of select, select-only, insert, insert-only, update, "
				    "delete, explain, ddl";
}

const char *sp_policy_clock_wrong(const char *s)
{
	if (strlen(s) == 5 && isdigit((uint8_t)s[0]) && isdigit((uint8_t)s[1]) && s[2] == ':' &&
		isdigit((uint8_t)s[3]) && isdigit((uint8_t)s[4]) && sp_policy_clock(s) < 24 * 60 &&
		s[3] < '6')
		return NULL;
	return "is no time of the day, like '08:30'";
}

uint32_t sp_policy_clock(const char *s)
{
	return (uint32_t)((s[0] - '0') * 10 + (s[1] - '0')) * 60 +
	       (uint32_t)((s[3] - '0') * 10 + (s[4] - '0'));
}

static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

uint32_t sp_policy_day(const char *s)
{
	uint32_t i = 0;

	while (i < SP_ARRAY_LEN(days) && strcmp(days[i], s) != 0)
		i++;
	return i;
}

const char *sp_policy_day_wrong(const char *s)
{
	return sp_policy_day(s) < SP_ARRAY_LEN(days) ? NULL
						     : "is none of mon tue wed thu fri sat sun";
}
