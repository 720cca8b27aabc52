#include "common/sql/sql_int.h"

#include "common/banned.h"

bool sp_sql_glob(struct sp_bytes glob, struct sp_bytes s)
{
	size_t g = 0, i = 0, star = SIZE_MAX, mark = 0;

	while (i < s.n) {
		if (g < glob.n && glob.p[g] == '*') {
			star = g++;
			mark = i;
		} else if (g < glob.n && sp_sql_lower(glob.p[g]) == sp_sql_lower(s.p[i])) {
			g++;
			i++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (g < glob.n && glob.p[g] == '*')
		g++;
	return g == glob.n;
}

bool sp_sql_listed(const struct sp_bytes *globs, uint32_t n, struct sp_bytes s)
{
	for (uint32_t i = 0; i < n; i++)
		if (sp_sql_glob(globs[i], s))
			return true;
	return false;
}

static struct sp_bytes join(const struct sp_sql_name *name, uint32_t from, uint8_t *buf, size_t cap)
{
	struct sp_out o = sp_out_init(buf, cap);

	for (uint32_t i = from; i < name->n; i++) {
		if (i > from)
			sp_out_lit(&o, ".");
		sp_out_bytes(&o, name->part[i]);
	}
	return o.overflow ? SP_NOBYTES : sp_bytes(buf, o.len);
}

static struct sp_bytes last_part(struct sp_bytes glob)
{
	for (size_t i = glob.n; i > 0; i--)
		if (glob.p[i - 1] == '.')
			return sp_bytes(glob.p + i, glob.n - i);
	return glob;
}

/// The glob's last parts, as many as the name has, against the whole name: "db.s.t" also forbids
/// s.t.
static bool denied_as_suffix(struct sp_bytes glob, const struct sp_sql_name *name)
{
	uint32_t parts = 1;
	uint8_t buf[512];

	for (size_t i = glob.n; i > 0; i--) {
		if (glob.p[i - 1] != '.' || parts++ < name->n)
			continue;
		struct sp_bytes whole = join(name, 0, buf, sizeof(buf));
		struct sp_bytes tail = sp_bytes(glob.p + i, glob.n - i);

		return !whole.n || sp_sql_glob(tail, whole);
	}
	return false;
}

/// What a database notes of its tables' values and of others' statements: a forbidden table shows there, too.
static bool tells_of_tables(const struct sp_sql_name *name)
{
	static const struct sp_bytes own[] = {{(const uint8_t *)"pg_stats*", 9},
		{(const uint8_t *)"pg_statistic*", 13}, {(const uint8_t *)"pg_stat_activity", 16},
		{(const uint8_t *)"pg_stat_statements*", 19}, {(const uint8_t *)"sqlite_stat*", 12},
		{(const uint8_t *)"sqlite_dbpage", 13}};
	static const struct sp_bytes schemas[] = {
		{(const uint8_t *)"mysql", 5}, {(const uint8_t *)"performance_schema", 18}};
	static const struct sp_bytes views[] = {{(const uint8_t *)"column_statistics", 17},
		{(const uint8_t *)"*processlist", 12}, {(const uint8_t *)"innodb_*", 8},
		{(const uint8_t *)"dm_*", 4}, {(const uint8_t *)"*statement*", 11},
		{(const uint8_t *)"*session", 8}, {(const uint8_t *)"*lock_waits", 11},
		{(const uint8_t *)"query_store_*", 13}};
	struct sp_bytes last = name->part[name->n - 1];
	struct sp_bytes schema = name->n > 1 ? name->part[name->n - 2] : SP_NOBYTES;

	return sp_sql_listed(own, SP_ARRAY_LEN(own), last) ||
	       sp_sql_listed(schemas, SP_ARRAY_LEN(schemas), schema) ||
	       ((sp_sql_glob(SP_LIT("information_schema"), schema) || sp_sql_glob(SP_LIT("sys"), schema)) &&
		       sp_sql_listed(views, SP_ARRAY_LEN(views), last));
}

/// Every suffix counts (a.s.t, s.t, t), and a bare name also as the last part of a qualified glob.
bool sp_sql_denied(const struct sp_sql_rules *rules, const struct sp_sql_name *name)
{
	uint8_t buf[512];

	if (tells_of_tables(name))
		return true;
	for (uint32_t from = 0; from < name->n; from++) {
		struct sp_bytes s = join(name, from, buf, sizeof(buf));

		if (!s.n || sp_sql_listed(rules->deny_tables, rules->deny_tables_n, s))
			return true;
	}
	for (uint32_t i = 0; name->n > 1 && i < rules->deny_tables_n; i++)
		if (denied_as_suffix(rules->deny_tables[i], name))
			return true;
	if (name->n > 1)
		return false;
	for (uint32_t i = 0; i < rules->deny_tables_n; i++) {
		struct sp_bytes last = last_part(rules->deny_tables[i]);

		if (!sp_bytes_eq(last, SP_LIT("*")) && sp_sql_glob(last, name->part[0]))
			return true;
	}
	return false;
}

/// What the database keeps about itself is no table to write to.
static bool of_the_system(const struct sp_sql_name *name)
{
	static const struct sp_bytes globs[] = {{(const uint8_t *)"pg_*", 4},
		{(const uint8_t *)"sqlite_*", 8}, {(const uint8_t *)"information_schema", 18},
		{(const uint8_t *)"performance_schema", 18}, {(const uint8_t *)"mysql", 5},
		{(const uint8_t *)"sys", 3}, {(const uint8_t *)"master", 6},
		{(const uint8_t *)"msdb", 4}};

	for (uint32_t i = 0; i < name->n; i++)
		if (sp_sql_listed(globs, i + 1 < name->n ? SP_ARRAY_LEN(globs) : 2, name->part[i]))
			return true;
	return false;
}

int sp_sql_target(
	const struct sp_sql_rules *rules, const struct sp_sql_name *name, struct sp_sql_verdict *v)
{
	if (of_the_system(name))
		return sp_sql_refuse(v, SP_SQL_TABLE, name->part[name->n - 1]);
	return sp_sql_table(rules, name, v);
}

static uint32_t dots(struct sp_bytes s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '.';
	return n;
}

/// A '*' stands for no dot, be it one within a quoted name: "shop_*" are tables, not the schemas that are called so.
/// By itself it is any table.
static bool allowed(const struct sp_sql_rules *rules, const struct sp_sql_name *name, struct sp_bytes whole)
{
	bool parted = dots(whole) + 1 == name->n; // no name has a dot of its own

	for (uint32_t i = 0; i < rules->allow_tables_n; i++) {
		struct sp_bytes glob = rules->allow_tables[i];

		if (((parted && dots(glob) + 1 == name->n) || sp_bytes_eq(glob, SP_LIT("*"))) &&
			sp_sql_glob(glob, whole))
			return true;
	}
	return rules->allow_tables_n == 0;
}

int sp_sql_table(
	const struct sp_sql_rules *rules, const struct sp_sql_name *name, struct sp_sql_verdict *v)
{
	uint8_t buf[512];
	struct sp_bytes whole = join(name, 0, buf, sizeof(buf));

	if (!whole.n)
		return sp_sql_refuse(v, SP_SQL_TABLE, SP_LIT("name"));
	if (rules->deny_tables_n && sp_sql_denied(rules, name))
		return sp_sql_refuse(v, SP_SQL_TABLE, whole);
	if (!allowed(rules, name, whole))
		return sp_sql_refuse(v, SP_SQL_TABLE, whole);
	return 0;
}

int sp_sql_find(const char *const *sorted, size_t n, struct sp_bytes name)
{
	size_t lo = 0, hi = name.n ? n : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = sp_sql_order(sorted[mid], name);

		if (c == 0)
			return (int)mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}
