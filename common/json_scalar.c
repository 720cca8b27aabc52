#include "common/json_scan.h"
#include "common/banned.h"

static inline const uint8_t *twin_plain(const uint8_t *base, const uint8_t *p, const uint8_t *end)
{
	(void)base;
	while (p < end && *p != '"' && *p != '\\' && *p >= 0x20 && *p < 0x80)
		p++;
	return p;
}

static inline const uint8_t *twin_quick(const uint8_t *p, const uint8_t *quick, const uint8_t *end)
{
	(void)quick;
	return twin_plain(NULL, p, end);
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
