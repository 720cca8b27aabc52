#include "config/cel/ast.h"

#include "common/banned.h"

#define T(name) (1u << SP_CEL_##name)
#define ANY UINT32_MAX
#define ACCESSOR(text, id)                                                                         \
	{                                                                                          \
		text, SP_CEL_F_##id, true, false, 1, 2, T(TIMESTAMP), T(STRING), SP_CEL_INT        \
	}
#define TIME_PART(text, id)                                                                        \
	{                                                                                          \
		text, SP_CEL_F_##id, true, false, 1, 2, T(TIMESTAMP) | T(DURATION), T(STRING),     \
			SP_CEL_INT                                                                 \
	}
#define TEXT_TEST(text, id)                                                                        \
	{                                                                                          \
		text, SP_CEL_F_##id, true, false, 2, 2, T(STRING), T(STRING), SP_CEL_BOOL          \
	}
#define CONVERSION(text, id, from)                                                                 \
	{                                                                                          \
		text, SP_CEL_F_##id, false, true, 1, 1, from, 0, SP_CEL_##id                       \
	}

static const struct cel_fn fns[] = {
	{"size", SP_CEL_F_SIZE, true, true, 1, 1, T(STRING) | T(BYTES) | T(LIST) | T(MAP), 0,
		SP_CEL_INT},
	TEXT_TEST("contains", CONTAINS),
	TEXT_TEST("startsWith", STARTS),
	TEXT_TEST("endsWith", ENDS),
	{"matches", CEL_FN_MATCHES, true, true, 2, 2, T(STRING), T(STRING), SP_CEL_BOOL},
	{"type", SP_CEL_F_TYPE, false, true, 1, 1, ANY, 0, SP_CEL_TYPE},
	{"dyn", CEL_FN_DYN, false, true, 1, 1, ANY, 0, (enum sp_cel_type)0},
	CONVERSION("bool", BOOL, T(BOOL) | T(STRING)),
	CONVERSION("bytes", BYTES, T(BYTES) | T(STRING)),
	CONVERSION("double", DOUBLE, T(INT) | T(UINT) | T(DOUBLE) | T(STRING)),
	CONVERSION("int", INT, T(INT) | T(UINT) | T(DOUBLE) | T(STRING) | T(TIMESTAMP)),
	CONVERSION("uint", UINT, T(INT) | T(UINT) | T(DOUBLE) | T(STRING)),
	CONVERSION("string", STRING,
		T(STRING) | T(BYTES) | T(BOOL) | T(INT) | T(UINT) | T(DOUBLE) | T(TIMESTAMP) |
			T(DURATION)),
	CONVERSION("timestamp", TIMESTAMP, T(STRING) | T(INT) | T(TIMESTAMP)),
	CONVERSION("duration", DURATION, T(STRING) | T(DURATION)),
	ACCESSOR("getFullYear", YEAR),
	ACCESSOR("getMonth", MONTH),
	ACCESSOR("getDate", DATE),
	ACCESSOR("getDayOfMonth", DAY_OF_MONTH),
	ACCESSOR("getDayOfWeek", DAY_OF_WEEK),
	ACCESSOR("getDayOfYear", DAY_OF_YEAR),
	TIME_PART("getHours", HOURS),
	TIME_PART("getMinutes", MINUTES),
	TIME_PART("getSeconds", SECONDS),
	TIME_PART("getMilliseconds", MILLIS),
};

const struct cel_fn *cel_find_fn(struct sp_bytes name, bool method)
{
	for (size_t i = 0; i < SP_ARRAY_LEN(fns); i++)
		if (sp_bytes_eq(name, sp_bytes_cstr(fns[i].name)) &&
			(method ? fns[i].method : fns[i].plain))
			return &fns[i];
	return NULL;
}

const char *cel_nearest_fn(struct sp_bytes name)
{
	static const char *const macro[] = {"has", "all", "exists", "exists_one", "map", "filter"};
	const char *best = NULL, *word;
	unsigned least = 3, d;
	char text[48];

	if (name.n >= sizeof(text))
		return NULL;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	for (size_t i = 0; i < SP_ARRAY_LEN(fns) + SP_ARRAY_LEN(macro); i++) {
		word = i < SP_ARRAY_LEN(fns) ? fns[i].name : macro[i - SP_ARRAY_LEN(fns)];
		d = cel_distance(text, word);
		if (d < least) {
			least = d;
			best = word;
		}
	}
	return best;
}
