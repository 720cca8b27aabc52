#include "common/url_parts.h"

#include <arpa/inet.h>
#include "common/banned.h"

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63

struct v4_net {
	uint8_t net[4];
	uint8_t bits;
};
struct v6_net {
	uint8_t net[16];
	uint8_t bits;
};
static const struct v4_net v4_special[] = {
	{{0}, 8},
	{{10}, 8},
	{{100, 64}, 10},
	{{127}, 8},
	{{169, 254}, 16},
	{{172, 16}, 12},
	{{192, 0, 0}, 24},
	{{192, 0, 2}, 24},
	{{192, 31, 196}, 24},
	{{192, 52, 193}, 24},
	{{192, 88, 99}, 24},
	{{192, 168}, 16},
	{{192, 175, 48}, 24},
	{{198, 18}, 15},
	{{198, 51, 100}, 24},
	{{203, 0, 113}, 24},
	{{224}, 3},
	{{168, 63, 129, 16}, 32},
};
static const struct v6_net v6_special[] = {
	{{0x20, 0x01}, 23},
	{{0x20, 0x01, 0x0d, 0xb8}, 32},
	{{0x20, 0x02}, 16},
	{{0x26, 0x20, 0, 0x4f, 0x80}, 48},
	{{0x3f, 0xff}, 20},
};
static const struct v6_net v6_global = {{0x20}, 3};
static const uint8_t v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool within(const uint8_t *a, const uint8_t *net, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, net, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

bool sp_url_private_v4(const uint8_t a[static 4])
{
	for (size_t i = 0; i < SP_ARRAY_LEN(v4_special); i++)
		if (within(a, v4_special[i].net, v4_special[i].bits))
			return true;
	return false;
}

bool sp_url_private_v6(const uint8_t a[static 16])
{
	if (!within(a, v6_global.net, v6_global.bits))
		return true;
	for (size_t i = 0; i < SP_ARRAY_LEN(v6_special); i++)
		if (within(a, v6_special[i].net, v6_special[i].bits))
			return true;
	return false;
}

static enum sp_url_why read_v6(struct sp_bytes text, struct sp_out *out, struct sp_url *u)
{
	char s[INET6_ADDRSTRLEN];
	uint8_t a[16];
	bool mapped;

	if (text.n < 4 || text.n - 2 >= sizeof(s) || text.p[text.n - 1] != ']')
		return SP_URL_HOST;
	memcpy(s, text.p + 1, text.n - 2);
	s[text.n - 2] = 0;
	if (strlen(s) != text.n - 2 || inet_pton(AF_INET6, s, a) != 1)
		return SP_URL_HOST;
	mapped = memcmp(a, v4_mapped, sizeof(v4_mapped)) == 0;
	if (!inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? a + 12 : a, s, sizeof(s)))
		return SP_URL_HOST;
	sp_out_put(out, s, strlen(s));
	u->is_ip = true;
	u->is_private = mapped || sp_url_private_v6(a);
	return SP_URL_OK;
}

/// Letters, digits, '-' and '_'; no hyphen at an end; no punycode label that stands for plain
/// ASCII.
static bool label_sane(struct sp_bytes l)
{
	if (l.n == 0 || l.n > LABEL_MAX_BYTES || l.p[0] == '-' || l.p[l.n - 1] == '-')
		return false;
	for (size_t i = 0; i < l.n; i++) {
		uint8_t c = l.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

/// WHATWG reads a host whose last label is such a number as an IPv4 address, RFC 3986 as a name.
static bool is_number(struct sp_bytes l)
{
	bool hexadecimal = l.n >= 2 && l.p[0] == '0' && l.p[1] == 'x';

	for (size_t i = hexadecimal ? 2 : 0; i < l.n; i++) {
		uint8_t c = l.p[i];

		if (!(c >= '0' && c <= '9') && !(hexadecimal && c >= 'a' && c <= 'f'))
			return false;
	}
	return true;
}

static bool ends_label(struct sp_bytes name, struct sp_bytes suffix)
{
	return name.n >= suffix.n && memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) == 0 &&
	       (name.n == suffix.n || name.p[name.n - suffix.n - 1] == '.');
}

/// Names that are resolved inside a network or on the machine itself, whatever the address.
static bool name_is_private(struct sp_bytes name)
{
	static const char *const inside[] = {"localhost", "local", "internal", "localdomain", "lan",
		"intranet", "corp", "home", "private", "home.arpa", "in-addr.arpa", "ip6.arpa"};

	if (!memchr(name.p, '.', name.n))
		return true;
	for (size_t i = 0; i < SP_ARRAY_LEN(inside); i++)
		if (ends_label(name, sp_bytes_cstr(inside[i])))
			return true;
	return false;
}

static enum sp_url_why read_name(struct sp_bytes name, struct sp_url *u)
{
	struct sp_bytes last = SP_NOBYTES;
	uint8_t a[4];
	char s[INET_ADDRSTRLEN];

	if (name.n < sizeof(s)) {
		memcpy(s, name.p, name.n);
		s[name.n] = 0;
		if (inet_pton(AF_INET, s, a) == 1) {
			u->is_ip = true;
			u->is_private = sp_url_private_v4(a);
			return SP_URL_OK;
		}
	}
	for (size_t at = 0; at <= name.n; at += last.n + 1) {
		const uint8_t *dot = memchr(name.p + at, '.', name.n - at);

		last = sp_bytes(name.p + at, dot ? (size_t)(dot - name.p) - at : name.n - at);
		if (!label_sane(last))
			return SP_URL_HOST;
	}
	if (is_number(last))
		return SP_URL_HOST;
	u->is_private = name_is_private(name);
	return SP_URL_OK;
}

enum sp_url_why sp_url_host(struct sp_bytes text, struct sp_out *out, struct sp_url *u)
{
	size_t from = out->len;
	enum sp_url_why why;

	u->is_ip = u->is_private = false;
	if (text.n == 0)
		return SP_URL_HOST;
	if (text.p[0] == '[') {
		why = read_v6(text, out, u);
	} else {
		bool rooted = text.p[text.n - 1] == '.';

		if (text.n - rooted == 0 || text.n - rooted > NAME_MAX_BYTES)
			return SP_URL_HOST;
		for (size_t i = 0; i < text.n - rooted; i++) {
			uint8_t c = text.p[i];

			c = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
			sp_out_put(out, &c, 1);
		}
		if (out->overflow)
			return SP_URL_TOO_LONG;
		why = read_name(sp_bytes(out->p + from, out->len - from), u);
		if (why == SP_URL_OK && u->is_ip && rooted)
			return SP_URL_HOST;
	}
	if (why != SP_URL_OK)
		return why;
	if (out->overflow)
		return SP_URL_TOO_LONG;
	u->host = sp_bytes(out->p + from, out->len - from);
	return SP_URL_OK;
}
