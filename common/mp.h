/// The subset of msgpack that records and audit messages use: unsigned integers, text, bytes, maps.
/// The reader is a cursor over borrowed bytes with a sticky failure: check `bad` once at the end.
/// Pure, any process. Format: msgpack specification, 2013 edition (str and bin types).
#pragma once

#include "common/bytes.h"

struct sp_mp {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct sp_mp sp_mp_init(struct sp_bytes b)
{
	static const uint8_t none;
	const uint8_t *p = b.n ? b.p : &none;

	return (struct sp_mp){p, p + b.n, false};
}
/// Each reads one value of that type, or fails and returns 0 / no bytes.
uint64_t sp_mp_u(struct sp_mp *m);
struct sp_bytes sp_mp_str(struct sp_mp *m);
struct sp_bytes sp_mp_bin(struct sp_mp *m);
/// Number of pairs that follow.
uint32_t sp_mp_map(struct sp_mp *m);
/// Pass over one value of any type, nested at most 8 deep.
void sp_mp_skip(struct sp_mp *m);

void sp_mp_put_u(struct sp_out *o, uint64_t v);
void sp_mp_put_str(struct sp_out *o, struct sp_bytes v); ///< at most 65535 bytes, else overflow
void sp_mp_put_bin(struct sp_out *o, struct sp_bytes v); ///< likewise
void sp_mp_put_map(struct sp_out *o, uint16_t pairs);    ///< always three bytes
/// Well-formed UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF).
bool sp_utf8_ok(struct sp_bytes s);
/// At most `max` bytes of it, ending with a whole character.
struct sp_bytes sp_utf8_cut(struct sp_bytes s, size_t max);
