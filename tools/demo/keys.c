#include "tools/demo/commands.h"

#include "common/clock.h"
#include "tests/support/jwt_sign.h"
#include "tools/demo/files.h"

#include <getopt.h>
#include <stdio.h>
#include <sys/random.h>
#include "common/banned.h"

#define KEY_ID "demo-1"
#define TTL_SECONDS 3600

static int make_keys(const char *dir)
{
	struct sp_sign_key *key = NULL;
	char *pem, *jwks;
	int r = demo_folder(dir);

	if (!r)
		r = sp_sign_key_new(SP_ALG_ES256, KEY_ID, &key);
	if (r < 0)
		return r;
	pem = sp_sign_key_pem(key);
	jwks = sp_sign_jwks(&key, 1);
	r = pem && jwks ? demo_file_write(dir, "issuer.pem", sp_bytes_cstr(pem), 0600) : -EIO;
	if (!r)
		r = demo_file_write(dir, "jwks.json", sp_bytes_cstr(jwks), 0644);
	if (pem)
		sp_wipe(pem, strlen(pem));
	free(pem);
	free(jwks);
	sp_sign_key_free(key);
	return r;
}

int demo_cmd_keys(int argc, char **argv)
{
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: sallyport-demo keys DIR\n");
		return 2;
	}
	r = make_keys(argv[1]);
	if (r < 0)
		fprintf(stderr, "sallyport-demo keys: %s\n", strerror(-r));
	return r < 0;
}

static int parse_ttl(const char *text, int64_t *ret)
{
	bool negative = text[0] == '-';
	uint64_t v;

	SP_TRY(sp_bytes_u64(sp_bytes_cstr(text + negative), &v));
	if (v > 100u * 365 * 86400)
		return -ERANGE;
	*ret = negative ? -(int64_t)v : (int64_t)v;
	return 0;
}

/// What the token says, from the command line: -EINVAL when something needed is missing.
static int parse_token(int argc, char **argv, const char **ret_key, struct sp_sign_claims *ret)
{
	static const struct option options[] = {
		{"key", required_argument, NULL, 'k'},
		{"iss", required_argument, NULL, 'i'},
		{"sub", required_argument, NULL, 's'},
		{"client-id", required_argument, NULL, 'c'},
		{"aud", required_argument, NULL, 'a'},
		{"scope", required_argument, NULL, 'S'},
		{"jti", required_argument, NULL, 'j'},
		{"ttl", required_argument, NULL, 't'},
		{0},
	};
	int64_t ttl = TTL_SECONDS;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'k':
			*ret_key = optarg;
			break;
		case 'i':
			ret->iss = optarg;
			break;
		case 's':
			ret->sub = optarg;
			break;
		case 'c':
			ret->client_id = optarg;
			break;
		case 'a':
			ret->audience = optarg;
			break;
		case 'S':
			ret->scope = optarg;
			break;
		case 'j':
			ret->jti = optarg;
			break;
		case 't':
			SP_TRY(parse_ttl(optarg, &ttl));
			break;
		default:
			return -EINVAL;
		}
	}
	ret->iat = (int64_t)(sp_clock_wall_ns() / SP_NS_PER_SEC) - (ttl < 0 ? 86400 : 0);
	ret->exp = (int64_t)(sp_clock_wall_ns() / SP_NS_PER_SEC) + ttl;
	return *ret_key && ret->iss && ret->sub && ret->audience ? 0 : -EINVAL;
}

int demo_cmd_token(int argc, char **argv)
{
	struct sp_sign_claims claims = {0};
	struct sp_sign_key *key = NULL;
	const char *key_path = NULL;
	uint8_t random[16];
	char jti[33] = "", *pem, *token = NULL;
	struct sp_out o = sp_out_init(jti, sizeof(jti) - 1);

	if (parse_token(argc, argv, &key_path, &claims) < 0) {
		fprintf(stderr, "usage: sallyport-demo token --key FILE --iss URL --sub NAME --aud URI "
				"[--client-id ID] [--scope LIST] [--jti ID] [--ttl SECONDS]\n");
		return 2;
	}
	SP_BUG_IF(getrandom(random, sizeof(random), 0) != sizeof(random));
	sp_out_hex(&o, sp_bytes(random, sizeof(random)));
	if (!claims.jti)
		claims.jti = jti;
	if (!claims.client_id)
		claims.client_id = claims.sub;
	pem = demo_file_read(key_path);
	if (pem && sp_sign_key_from_pem(SP_ALG_ES256, pem, KEY_ID, &key) == 0)
		token = sp_sign_jwt(key, &claims);
	if (pem)
		sp_wipe(pem, strlen(pem));
	free(pem);
	sp_sign_key_free(key);
	if (!token) {
		fprintf(stderr, "sallyport-demo token: %s cannot sign\n", key_path);
		return 1;
	}
	puts(token);
	free(token);
	return 0;
}
