/// sallyport-shake: handshakes for benches and fault tests.
#include "bench/shake.h"

#include "common/bytes.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include "common/banned.h"

static const char usage[] =
	"usage: sallyport-shake alone --chain FILE --key FILE [--resume] [--seconds N]\n"
	"       sallyport-shake serve --connect ADDRESS:PORT --chain FILE --key FILE\n"
	"       sallyport-shake drive --connect ADDRESS:PORT [--resume] [--seconds N] [--parallel N]\n"
	"       sallyport-shake hold --connect ADDRESS:PORT [--resume] [--count N] [--parallel N] [--from ADDRESS]...\n"
	"       sallyport-shake storm --connect ADDRESS:PORT --kind KIND [--rate N] [--seconds N] [--from ADDRESS]...\n"
	"KIND: dropped (closed at once), hello (closed before the answer), half (closed at the answer), kept (never\n"
	"finished, never closed), slow (a hello byte by byte)\n";

int shake_client(const struct shake_options *o, int (*on_ticket)(SSL *ssl, SSL_SESSION *s), SSL_CTX **ret)
{
	static const unsigned char alpn[] = "\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	(void)o;
	if (!ctx)
		return -ENOMEM;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	if (SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0 ||
		SSL_CTX_set1_groups_list(ctx, "X25519:P-256") != 1 ||
		SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256") != 1) {
		SSL_CTX_free(ctx);
		return -EINVAL;
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	if (on_ticket)
		SSL_CTX_sess_set_new_cb(ctx, on_ticket);
	*ret = ctx;
	return 0;
}

int shake_target(const struct shake_options *o, struct load_target *ret)
{
	char url[300];

	if (!o->connect_to) {
		fprintf(stderr, "%s", usage);
		return -EINVAL;
	}
	snprintf(url, sizeof(url), "http://%s/", o->connect_to);
	return load_target_init(ret, url, NULL, NULL);
}

int shake_dial(const struct shake_options *o, const struct load_target *to, uint64_t number)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd, one = 1;

	fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (o->from_n) {
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (inet_pton(AF_INET, o->from[number % o->from_n], &from.sin_addr) != 1 ||
			bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0)
			goto failed;
	}
	if (connect(fd, (const struct sockaddr *)&to->addr, to->addr_len) == 0 || errno == EINPROGRESS)
		return fd;
failed:
	one = errno ? -errno : -EINVAL;
	close(fd);
	return one;
}

static int number(const char *text, uint64_t *ret)
{
	return sp_bytes_u64(sp_bytes_cstr(text), ret);
}

static int parse(int argc, char **argv, struct shake_options *o)
{
	static const struct option longs[] = {
		{"connect", required_argument, NULL, 'c'},
		{"chain", required_argument, NULL, 'C'},
		{"key", required_argument, NULL, 'K'},
		{"kind", required_argument, NULL, 'k'},
		{"from", required_argument, NULL, 'f'},
		{"count", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"parallel", required_argument, NULL, 'p'},
		{"rate", required_argument, NULL, 'r'},
		{"resume", no_argument, NULL, 'R'},
		{0},
	};
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->connect_to = optarg;
			break;
		case 'C':
			o->chain = optarg;
			break;
		case 'K':
			o->key = optarg;
			break;
		case 'k':
			o->kind = optarg;
			break;
		case 'n':
			r = number(optarg, &o->count);
			break;
		case 's':
			r = number(optarg, &o->seconds);
			break;
		case 'p':
			r = number(optarg, &o->parallel);
			break;
		case 'r':
			r = number(optarg, &o->rate);
			break;
		case 'R':
			o->resume = true;
			break;
		case 'f':
			if (o->from_n == SP_ARRAY_LEN(o->from))
				return -EINVAL;
			o->from[o->from_n++] = optarg;
			break;
		default:
			r = -EINVAL;
		}
	}
	return r == 0 && optind + 1 == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct shake_options *o);
	} commands[] = {
		{"alone", shake_alone}, {"serve", shake_serve}, {"drive", shake_drive}, {"hold", shake_hold},
		{"storm", shake_storm}};
	struct shake_options o = {.count = 1000, .seconds = 1, .parallel = 32, .rate = 1000};
	int r = parse(argc, argv, &o);

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r == 0 && i < SP_ARRAY_LEN(commands); i++) {
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		r = commands[i].run(&o);
		if (r < 0)
			fprintf(stderr, "sallyport-shake %s: %s\n", commands[i].name, strerror(-r));
		return r < 0 ? 1 : 0;
	}
	fprintf(stderr, "%s", usage);
	return 2;
}
