/// Functions that only compute: no table is written, no state is left behind, no text is run, no
/// file, other server or setting is read, no lock is taken and nobody waits. Sorted.
#include "common/sql/sql_int.h"

#include "common/banned.h"

static const char *const pure_pg[] = {"abbrev", "abs", "acos", "acosd", "acosh", "age", "any_value",
	"area", "array_agg", "array_append", "array_cat", "array_dims", "array_fill",
	"array_length", "array_lower", "array_ndims", "array_position", "array_positions",
	"array_prepend", "array_remove", "array_replace", "array_to_json", "array_to_string",
	"array_to_tsvector", "array_upper", "ascii", "asin", "asind", "asinh", "atan", "atan2",
	"atan2d", "atand", "atanh", "avg", "bit_and", "bit_count", "bit_length", "bit_or",
	"bit_xor", "bool_and", "bool_or", "bound_box", "box", "broadcast", "btrim", "cardinality",
	"cbrt", "ceil", "ceiling", "center", "char", "char_length", "character_length", "chr",
	"circle", "clock_timestamp", "concat", "concat_ws", "convert", "convert_from", "convert_to",
	"corr", "cos", "cosd", "cosh", "cot", "cotd", "count", "covar_pop", "covar_samp",
	"cume_dist", "current_catalog", "current_database", "current_schema", "current_user",
	"date", "date_bin", "date_part", "date_trunc", "datemultirange", "daterange", "decode",
	"degrees", "dense_rank", "diagonal", "diameter", "div", "encode", "enum_first", "enum_last",
	"enum_range", "every", "exp", "extract", "factorial", "family", "first_value", "float4",
	"float8", "floor", "format", "gcd", "gen_random_uuid", "generate_series",
	"generate_subscripts", "get_bit", "get_byte", "greatest", "height", "host", "hostmask",
	"inet_merge", "inet_same_family", "initcap", "int2", "int4", "int4multirange", "int4range",
	"int8", "int8multirange", "int8range", "interval", "is_normalized", "isclosed", "isempty",
	"isfinite", "isopen", "json_agg", "json_array_elements", "json_array_elements_text",
	"json_array_length", "json_build_array", "json_build_object", "json_each", "json_each_text",
	"json_extract_path", "json_extract_path_text", "json_object", "json_object_agg",
	"json_object_keys", "json_populate_record", "json_populate_recordset", "json_strip_nulls",
	"json_to_record", "json_to_recordset", "json_to_tsvector", "json_typeof", "jsonb_agg",
	"jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
	"jsonb_build_array", "jsonb_build_object", "jsonb_concat", "jsonb_contained",
	"jsonb_contains", "jsonb_delete", "jsonb_each", "jsonb_each_text", "jsonb_exists",
	"jsonb_exists_all", "jsonb_exists_any", "jsonb_extract_path", "jsonb_extract_path_text",
	"jsonb_insert", "jsonb_object", "jsonb_object_agg", "jsonb_object_keys",
	"jsonb_path_exists", "jsonb_path_exists_tz", "jsonb_path_match", "jsonb_path_match_tz",
	"jsonb_path_query", "jsonb_path_query_array", "jsonb_path_query_array_tz",
	"jsonb_path_query_first", "jsonb_path_query_first_tz", "jsonb_path_query_tz",
	"jsonb_populate_record", "jsonb_populate_recordset", "jsonb_pretty", "jsonb_set",
	"jsonb_set_lax", "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset",
	"jsonb_to_tsvector", "jsonb_typeof", "justify_days", "justify_hours", "justify_interval",
	"lag", "last_value", "lcm", "lead", "left", "length", "like", "like_escape", "line", "ln",
	"localtime", "localtimestamp", "log", "log10", "lower", "lower_inc", "lower_inf", "lpad",
	"lseg", "ltrim", "make_date", "make_interval", "make_time", "make_timestamp",
	"make_timestamptz", "masklen", "max", "md5", "min", "min_scale", "mod", "mode",
	"multirange", "netmask", "network", "normalize", "notlike", "now", "npoints", "nth_value",
	"ntile", "num_nonnulls", "num_nulls", "numeric", "nummultirange", "numnode", "numrange",
	"octet_length", "overlaps", "overlay", "parse_ident", "path", "pclose", "percent_rank",
	"percentile_cont", "percentile_disc", "pg_collation_for", "pg_size_pretty", "pg_typeof",
	"phraseto_tsquery", "pi", "plainto_tsquery", "point", "polygon", "popen", "position", "pow",
	"power", "querytree", "quote_ident", "quote_literal", "quote_nullable", "radians", "radius",
	"random", "range_agg", "range_intersect_agg", "range_merge", "rank", "regexp_count",
	"regexp_instr", "regexp_like", "regexp_match", "regexp_matches", "regexp_replace",
	"regexp_split_to_array", "regexp_split_to_table", "regexp_substr", "regr_avgx", "regr_avgy",
	"regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy", "regr_syy",
	"repeat", "replace", "reverse", "right", "round", "row_number", "row_to_json", "rpad",
	"rtrim", "scale", "session_user", "set_bit", "set_byte", "set_masklen", "setweight",
	"sha224", "sha256", "sha384", "sha512", "sign", "similar_escape", "similar_to_escape",
	"sin", "sind", "sinh", "slope", "split_part", "sqrt", "starts_with", "statement_timestamp",
	"stddev", "stddev_pop", "stddev_samp", "string_agg", "string_to_array", "string_to_table",
	"strip", "strpos", "substr", "substring", "sum", "tan", "tand", "tanh", "text", "time",
	"timeofday", "timestamp", "timestamptz", "timetz", "timezone", "to_ascii", "to_char",
	"to_date", "to_hex", "to_json", "to_jsonb", "to_number", "to_timestamp", "to_tsquery",
	"to_tsvector", "transaction_timestamp", "translate", "trim_array", "trim_scale", "trunc",
	"ts_delete", "ts_filter", "ts_headline", "ts_rank", "ts_rank_cd", "tsmultirange",
	"tsquery_phrase", "tsrange", "tstzmultirange", "tstzrange", "tsvector_to_array", "unistr",
	"unnest", "upper", "upper_inc", "upper_inf", "var_pop", "var_samp", "varchar", "variance",
	"version", "websearch_to_tsquery", "width", "width_bucket", "xml_is_well_formed",
	"xml_is_well_formed_content", "xml_is_well_formed_document", "xmlagg", "xmlcomment",
	"xmlexists", "xpath", "xpath_exists"};

/// Names of MySQL, SQL Server and SQLite that are harmless, or unknown, in each of them.
static const char *const pure_lexer[] = {"abs", "acos", "ascii", "asin", "atan", "atan2", "atn2",
	"avg", "bigint", "binary", "bit_and", "bit_count", "bit_length", "bit_or", "bit_xor",
	"cast", "ceil", "ceiling", "char", "char_length", "character_length", "charindex", "choose",
	"coalesce", "concat", "concat_ws", "conv", "convert", "cos", "cosh", "cot", "count",
	"count_big", "crc32", "cume_dist", "curdate", "current_database", "current_date",
	"current_time", "current_timestamp", "current_user", "curtime", "database", "date",
	"date_add", "date_format", "date_sub", "date_trunc", "dateadd", "datediff", "datefromparts",
	"datename", "datepart", "datetime", "datetime2", "datetimeoffset", "day", "dayname",
	"dayofmonth", "dayofweek", "dayofyear", "dec", "decimal", "degrees", "dense_rank",
	"difference", "div", "elt", "eomonth", "exp", "extract", "field", "find_in_set",
	"first_value", "float", "floor", "format", "from_base64", "from_days", "from_unixtime",
	"getdate", "getutcdate", "glob", "greatest", "group_concat", "grouping", "hex", "hour",
	"ifnull", "iif", "instr", "int", "interval", "isdate", "isjson", "isnull", "isnumeric",
	"json_array", "json_array_length", "json_arrayagg", "json_contains", "json_depth",
	"json_each", "json_exists", "json_extract", "json_group_array", "json_group_object",
	"json_keys", "json_length", "json_object", "json_objectagg", "json_query", "json_quote",
	"json_search", "json_tree", "json_type", "json_unquote", "json_valid", "json_value",
	"julianday", "lag", "last_day", "last_value", "lcase", "lead", "least", "left", "len",
	"length", "ln", "locate", "log", "log10", "log2", "lower", "lpad", "ltrim", "makedate",
	"maketime", "max", "md5", "mid", "min", "minute", "mod", "month", "monthname", "nchar",
	"now", "nth_value", "ntile", "nullif", "numeric", "nvarchar", "octet_length", "ord",
	"parse", "patindex", "percent_rank", "percentile_cont", "percentile_disc", "period_add",
	"period_diff", "pi", "position", "pow", "power", "printf", "quarter", "quote", "quotename",
	"radians", "rand", "random", "rank", "regexp_instr", "regexp_like", "regexp_replace",
	"regexp_substr", "repeat", "replace", "replicate", "reverse", "right", "round",
	"row_number", "rpad", "rtrim", "sec_to_time", "second", "sha", "sha1", "sha2", "sign",
	"sin", "sinh", "smallint", "soundex", "space", "sqrt", "square", "std", "stddev",
	"stddev_pop", "stddev_samp", "stdev", "stdevp", "str", "str_to_date", "strcmp", "strftime",
	"string_agg", "string_split", "stuff", "substr", "substring", "substring_index", "subtime",
	"sum", "sysdate", "sysdatetime", "tan", "tanh", "time", "time_format", "time_to_sec",
	"timediff", "timestamp", "timestampadd", "timestampdiff", "tinyint", "to_base64", "to_days",
	"total", "translate", "trim", "trunc", "try_cast", "try_convert", "typeof", "ucase",
	"unhex", "unicode", "unix_timestamp", "upper", "utc_date", "utc_time", "utc_timestamp",
	"uuid", "var", "var_pop", "var_samp", "varbinary", "varchar", "variance", "varp", "version",
	"week", "weekday", "weekofyear", "year", "yearweek"};

bool sp_sql_pure_pg(struct sp_bytes name)
{
	return sp_sql_find(pure_pg, SP_ARRAY_LEN(pure_pg), name) >= 0;
}

bool sp_sql_pure_lexer(struct sp_bytes name)
{
	uint8_t lower[32];

	if (name.n > sizeof(lower))
		return false;
	for (size_t i = 0; i < name.n; i++)
		lower[i] = sp_sql_lower(name.p[i]);
	return sp_sql_find(pure_lexer, SP_ARRAY_LEN(pure_lexer), sp_bytes(lower, name.n)) >= 0;
}
