/// The meaning of a glob by definition, in quadratic time: the oracle of the matcher's tests.
#pragma once

#include "common/glob.h"

static inline bool glob_naive_byte(enum sp_glob_kind kind, uint8_t g, uint8_t t, bool ignore_case)
{
	uint8_t low = t | 0x20;

	(void)kind;
	return g == t || (ignore_case && low >= 'a' && low <= 'z' && (g | 0x20) == low);
}

/// `text` of at most 256 bytes of valid UTF-8 or not.
static inline bool glob_naive(
	enum sp_glob_kind kind, struct sp_bytes g, struct sp_bytes t, bool ignore_case)
{
	bool row[SP_GLOB_MAX + 2][258] = {{false}};

	SP_BUG_IF(t.n > 256 || g.n > SP_GLOB_MAX);
	row[g.n][t.n] = true; // row[i][j]: glob from i matches text from j
	for (size_t i = g.n; i-- > 0;) {
		size_t run = 1;
		bool crosses;

		while (i + run < g.n && g.p[i + run] == '*')
			run++;
		crosses = kind == SP_GLOB_NAME || run > 1 || i + run == g.n ||
			  (i > 0 && g.p[i - 1] == '*');
		for (size_t j = t.n + 1; j-- > 0;) {
			if (g.p[i] == '*') {
				row[i][j] =
					row[i + 1][j] ||
					(j < t.n && (crosses || t.p[j] != '/') && row[i][j + 1]);
			} else if (g.p[i] == '?' && kind == SP_GLOB_NAME) {
				size_t k = j + 1;

				if (j >= t.n || (t.p[j] & 0xc0) == 0x80)
					continue;
				row[i][j] = row[i + 1][k];
				while (!row[i][j] && k < t.n && (t.p[k] & 0xc0) == 0x80)
					row[i][j] = row[i + 1][++k];
			} else {
				row[i][j] = j < t.n &&
					    glob_naive_byte(kind, g.p[i], t.p[j], ignore_case) &&
					    row[i + 1][j + 1];
			}
		}
	}
	return row[0][0];
}
