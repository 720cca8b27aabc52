/// What the files of this folder share; nobody else includes it.
#pragma once

#include "common/sql/sql.h"

/// The verdict's first reason stays; `detail` is cut to what is visible ASCII. Returns -EACCES.
int sp_sql_refuse(struct sp_sql_verdict *v, enum sp_sql_why why, struct sp_bytes detail);
int sp_sql_refuse2(
	struct sp_sql_verdict *v, enum sp_sql_why why, struct sp_bytes a, struct sp_bytes b);

/// `glob` has '*' for any run of bytes; ASCII case does not count.
bool sp_sql_glob(struct sp_bytes glob, struct sp_bytes s);
bool sp_sql_listed(const struct sp_bytes *globs, uint32_t n, struct sp_bytes s);
/// A table as written: up to three parts, outermost first, empty ones left out.
struct sp_sql_name {
	struct sp_bytes part[3];
	uint32_t n;
};
/// 0 or -EACCES with the verdict set. A forbidden "s.t" also forbids a bare "t", which may mean it,
/// and a forbidden "t" forbids it in every schema; what is allowed is allowed as it is written.
SP_MUST_CHECK int sp_sql_table(
	const struct sp_sql_rules *rules, const struct sp_sql_name *name, struct sp_sql_verdict *v);

/// The same for a table that is written or defined: never one of the database's own.
SP_MUST_CHECK int sp_sql_target(
	const struct sp_sql_rules *rules, const struct sp_sql_name *name, struct sp_sql_verdict *v);
bool sp_sql_denied(const struct sp_sql_rules *rules, const struct sp_sql_name *name);

/// One of the functions that only compute, by its lower-case name.
bool sp_sql_pure_pg(struct sp_bytes name);
/// The same for the lexer's dialects, where the name must be the database's own.
bool sp_sql_pure_lexer(struct sp_bytes name, enum sp_sql_dialect d);
/// As memcmp orders them, the shorter first.
static inline int sp_sql_order(const char *a, struct sp_bytes b)
{
	size_t n = strlen(a);
	int c = b.n ? memcmp(a, b.p, sp_min(n, b.n)) : 1;

	return c ? c : n < b.n ? -1 : n > b.n;
}
/// Index of a name in a sorted list, or -1.
int sp_sql_find(const char *const *sorted, size_t n, struct sp_bytes name);

/// Refuses a text whose parse tree could be deep, before the parser sees it.
SP_MUST_CHECK int sp_sql_pg_scan(struct sp_bytes text, struct sp_sql_verdict *v);
void sp_sql_pg_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *v);
void sp_sql_lex_judge(
	struct sp_bytes text, const struct sp_sql_rules *rules, struct sp_sql_verdict *v);

static inline bool sp_sql_is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
static inline bool sp_sql_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}
static inline bool sp_sql_is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static inline uint8_t sp_sql_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}
