/// Scalars of configuration: text to number and back. Pure; the same words in files, messages and
/// docs.
#pragma once

#include "common/bytes.h"

/// "10ms", "5s", "1m", "12h", "30d", "50us", "0": an integer with its unit. -EINVAL, -ERANGE.
SP_MUST_CHECK int sp_value_duration(const char *s, uint64_t *ret_ns);
/// "16KiB", "1MiB", "2GiB", "512B", "0". -EINVAL, -ERANGE.
SP_MUST_CHECK int sp_value_size(const char *s, uint64_t *ret_bytes);
/// "10", "0.25": at most six decimals, in millionths. -EINVAL, -ERANGE.
SP_MUST_CHECK int sp_value_money(const char *s, uint64_t *ret_micros);
/// Digits only. -EINVAL, -ERANGE.
SP_MUST_CHECK int sp_value_number(const char *s, uint64_t *ret);
/// "true" or "false". -EINVAL.
SP_MUST_CHECK int sp_value_bool(const char *s, bool *ret);
/// The shortest exact writing, as the functions above read it.
void sp_value_show_duration(uint64_t ns, char *buf, size_t cap);
void sp_value_show_size(uint64_t bytes, char *buf, size_t cap);
void sp_value_show_money(uint64_t micros, char *buf, size_t cap);

/// The word of `words` (ended by NULL) that `s` may have meant, or NULL when none is near.
const char *sp_value_nearest(const char *s, const char *const *words);
