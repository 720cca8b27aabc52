#include "common/json_scan.h"
#include "common/banned.h"

#define TWIN_LOOK 32u

struct twin_eye {
	char none;
};

static inline struct twin_eye twin_eye(void)
{
	return (struct twin_eye){0};
}

static inline const uint8_t *twin_plain(
	const struct twin_eye *eye, const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	(void)eye;
	(void)base;
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
		p++;
	return p;
}

static inline unsigned twin_look(const struct twin_eye *eye, const uint8_t *p)
{
	return (unsigned)(twin_plain(eye, NULL, p, p + TWIN_LOOK) - p);
}

static inline uint64_t twin_keep(uint64_t v, size_t n)
{
	return n % 32 < 8 ? v & ((1ull << 8 * (n % 32)) - 1) : v;
}

static inline void twin_zero(void *to, size_t n)
{
	memset(to, 0, n);
}

static inline const uint8_t *twin_escaped(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != '"' && *p >= 0x20 && *p < 0x80) {
		if (*p != '\\')
			p++;
		else if (end - p >= 2 && sp_json_short_escape(p[1]))
			p += 2;
		else
			break;
	}
	return p;
}

static inline const uint8_t *twin_blanks(const uint8_t *p, const uint8_t *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

#define TWIN
#define TWIN_SCAN sp_json_scan_scalar
#include "common/json_twin.h"
