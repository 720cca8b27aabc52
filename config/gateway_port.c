/// What the settings of a port say: addresses with their prefixes, gateways, its MAC.
#include "config/gateway_schema.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>
#include "common/banned.h"

struct fit {
	struct sp_gateway *g;
	struct sp_check *check;
	struct sp_gw_port *p;
};

/// Of a device its name alone is shown: what follows may be a memif's secret.
static void wrong(const struct fit *f, const struct sp_text *t, const char *mend, const char *what)
{
	sp_check_add(f->check, (struct sp_at){f->g->file, t->line, t->col}, mend, "'%.*s' %s",
		(int)strcspn(t->s, ","), t->s, what);
}

/// "address/prefix" in two; false when it is not that.
static bool split(const char *s, char address[64], unsigned *ret_prefix)
{
	const char *slash = strchr(s, '/');
	uint64_t prefix;

	if (!slash || (size_t)(slash - s) >= 64 || sp_bytes_u64(sp_bytes_cstr(slash + 1), &prefix) < 0 ||
		prefix > 128)
		return false;
	memcpy(address, s, (size_t)(slash - s));
	address[slash - s] = 0;
	*ret_prefix = (unsigned)prefix;
	return true;
}

/// The network's own address, or its broadcast: a network of two (RFC 3021) or one has neither.
static bool is_everybody(struct in_addr a, unsigned prefix)
{
	uint32_t host = prefix < 31 ? UINT32_MAX >> prefix : 0;

	return host && ((ntohl(a.s_addr) & host) == 0 || (ntohl(a.s_addr) & host) == host);
}

static bool is_station6(const struct in6_addr *a)
{
	return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_LOOPBACK(a) && !IN6_IS_ADDR_MULTICAST(a) &&
	       !IN6_IS_ADDR_V4MAPPED(a);
}

static bool has_addr6(const struct sp_port *port, const struct in6_addr *a)
{
	for (uint32_t i = 0; i < port->addrs6; i++)
		if (IN6_ARE_ADDR_EQUAL(&port->addr6[i], a))
			return true;
	return false;
}

static const char *take_address(struct sp_port *port, const char *s)
{
	struct in6_addr a6;
	struct in_addr a4;
	unsigned prefix;
	char text[64];

	if (!split(s, text, &prefix))
		return "is no address with a prefix";
	if (inet_pton(AF_INET, text, &a4) == 1) {
		if (port->addr4.s_addr)
			return "is a second IPv4 address: a port has one";
		if (prefix < 1 || prefix > 32 || !a4.s_addr || ntohl(a4.s_addr) >> 28 >= 0xe ||
			ntohl(a4.s_addr) >> 24 == 127 || is_everybody(a4, prefix))
			return "is no address a host could have";
		port->addr4 = a4;
		port->prefix4 = (uint8_t)prefix;
		return NULL;
	}
	if (inet_pton(AF_INET6, text, &a6) != 1)
		return "is no address with a prefix";
	if (prefix != 64)
		return "needs the prefix 64";
	if (!is_station6(&a6))
		return "is no address a host could have";
	if (has_addr6(port, &a6))
		return "stands there twice";
	if (port->addrs6 == SP_PORT_ADDRS6_MAX)
		return "is one IPv6 address too many";
	port->addr6[port->addrs6++] = a6;
	return NULL;
}

static const char *take_gateway(struct sp_port *port, const char *s)
{
	struct in6_addr a6;
	struct in_addr a4;

	if (inet_pton(AF_INET, s, &a4) == 1) {
		uint32_t mask = port->prefix4 ? htonl(UINT32_MAX << (32 - port->prefix4)) : 0;

		if (port->gateway4.s_addr)
			return "is a second IPv4 gateway";
		if (!port->addr4.s_addr || ((a4.s_addr ^ port->addr4.s_addr) & mask))
			return "is not in the network of the port's address";
		if (a4.s_addr == port->addr4.s_addr || is_everybody(a4, port->prefix4))
			return "is the port's own address, or no address a host could have";
		port->gateway4 = a4;
		return NULL;
	}
	if (inet_pton(AF_INET6, s, &a6) != 1)
		return "is no address";
	if (!IN6_IS_ADDR_UNSPECIFIED(&port->gateway6))
		return "is a second IPv6 gateway";
	if (!port->addrs6)
		return "is a gateway for IPv6, of which the port has no address";
	if (!is_station6(&a6) || has_addr6(port, &a6))
		return "is the port's own address, or no address a host could have";
	port->gateway6 = a6;
	return NULL;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_mac(struct sp_port *port, const char *s)
{
	if (strlen(s) != 17)
		return false;
	for (unsigned i = 0; i < 6; i++) {
		int hi = nibble(s[3 * i]), lo = nibble(s[3 * i + 1]);

		if (hi < 0 || lo < 0 || (i < 5 && s[3 * i + 2] != ':'))
			return false;
		port->mac[i] = (uint8_t)(hi << 4 | lo);
	}
	return !(port->mac[0] & 1) && memcmp(port->mac, (const uint8_t[6]){0}, 6) != 0;
}

/// Who reaches a memif's socket is the other end, so who may has to be said: by the permissions of a path. The
/// driver's default, an abstract name, has none. Of what is said twice the driver takes the last.
static bool anyone_may_be_the_other_end(const char *device)
{
	bool path = false, abstract = true;

	if (strncmp(device, "net_memif", 9) != 0)
		return false;
	while ((device = strchr(device, ','))) {
		device++;
		if (strncmp(device, "socket=", 7) == 0)
			path = device[7] == '/';
		else if (strncmp(device, "socket-abstract=", 16) == 0)
			abstract = strcspn(device, ",") != 18 || strncmp(device + 16, "no", 2) != 0;
	}
	return abstract || !path;
}

static void fit_port(const struct fit *f)
{
	struct sp_gw_port *p = f->p;
	const char *what;

	p->port = (struct sp_port){.mtu = (uint16_t)p->mtu, .vlan = (uint16_t)p->vlan,
		.frames = (uint32_t)p->frames, .half_open = (uint32_t)p->half_open};
	snprintf(p->port.device, sizeof(p->port.device), "%s", p->device.s);
	if (anyone_may_be_the_other_end(p->device.s))
		wrong(f, &p->device, "socket=/run/sallyport-port/memif,socket-abstract=no",
			"names no socket by its path: anyone could be the other end");
	for (uint32_t i = 0; i < p->addresses.n; i++)
		if ((what = take_address(&p->port, p->addresses.v[i].s)))
			wrong(f, &p->addresses.v[i], "192.0.2.10/24 or 2001:db8::10/64", what);
	for (uint32_t i = 0; i < p->gateways.n; i++)
		if ((what = take_gateway(&p->port, p->gateways.v[i].s)))
			wrong(f, &p->gateways.v[i], "192.0.2.1", what);
	if (p->mac.s && !take_mac(&p->port, p->mac.s))
		wrong(f, &p->mac, "02:00:00:00:00:01", "is no MAC address of one station");
}

/// The first domain need not be said.
static const char *without_domain(const char *device)
{
	return device + (strncmp(device, "0000:", 5) == 0 ? 5 : 0);
}

/// A bus address is the device, whatever its arguments say; a virtual one is what all of its text says.
static bool same_device(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	if (!memchr(a, ':', n) || !memchr(a, '.', n))
		return strcmp(a, b) == 0;
	a = without_domain(a);
	b = without_domain(b);
	n = strcspn(a, ",");
	return strcspn(b, ",") == n && strncasecmp(a, b, n) == 0;
}

/// Or it is any address of a kind that the port has one of.
static bool hears(const struct sp_port *port, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	if (addr->ss_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) ? port->addrs6 > 0
								: has_addr6(port, &in6->sin6_addr);
	return port->addr4.s_addr &&
	       (!in->sin_addr.s_addr || in->sin_addr.s_addr == port->addr4.s_addr);
}

/// The stack would take the address, and nothing would ever come there.
static void fit_listener(
	const struct sp_gateway *g, struct sp_check *check, const struct sp_gw_listener *l)
{
	struct sp_at at = {g->file, l->address.line, l->address.col};

	if (!l->port || !l->addr_len || sp_addr_loopback(&l->addr))
		return;
	for (uint32_t i = 0; i < g->ports.n; i++)
		if (hears(&sp_gw_port(g, i)->port, &l->addr))
			return;
	sp_check_add(check, at, "an address of a port, or 0.0.0.0", "address: '%s' is no port's",
		l->address.s);
}

void sp_gateway_fit_ports(struct sp_gateway *g, struct sp_check *check)
{
	uint32_t before = sp_check_count(check);

	for (uint32_t i = 0; i < g->ports.n; i++) {
		struct fit f = {g, check, (struct sp_gw_port *)g->ports.v + i};

		fit_port(&f);
		for (uint32_t k = 0; k < i; k++)
			if (same_device(sp_gw_port(g, k)->device.s, f.p->device.s))
				wrong(&f, &f.p->device, "a device for each worker", "is another worker's");
	}
	for (uint32_t i = 0; g->ports.n && sp_check_count(check) == before && i < g->listeners.n; i++)
		fit_listener(g, check, sp_gw_listener(g, i));
	if (g->ports.n && g->workers.count && g->workers.count != g->ports.n)
		sp_check_add(check, (struct sp_at){g->file, g->workers.at.line, g->workers.at.col}, "count: auto",
			"workers: there are %u ports: one is needed for each worker", g->ports.n);
}
