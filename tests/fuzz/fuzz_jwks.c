/// A set that parses holds keys the verifier loads, each kid once, and no more than the limits say.
#include "config/jwks.h"

#include "dataplane/identity/keyring.h"
#include "common/banned.h"

static void check(const struct sp_jwks *set)
{
	SP_BUG_IF(set->n == 0 || set->n > SP_JWKS_KEYS_MAX);
	for (uint32_t i = 0; i < set->n; i++) {
		const struct sp_jwk *k = &set->key[i];
		struct sp_jws_key loaded;

		SP_BUG_IF(k->kid_len > SP_JWKS_KID_MAX || k->spki_len > SP_JWKS_SPKI_MAX);
		SP_BUG_IF(k->kid_len == 0 && set->n != 1);
		SP_BUG_IF(sp_jws_key_init(&loaded, k->alg, sp_bytes(k->spki, k->spki_len)) < 0);
		sp_jws_key_done(&loaded);
		for (uint32_t other = 0; other < i; other++)
			SP_BUG_IF(sp_bytes_eq(sp_bytes(k->kid, k->kid_len),
				sp_bytes(set->key[other].kid, set->key[other].kid_len)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sp_jwks_error e;
	struct sp_jwks *set;

	if (sp_jwks_parse(sp_bytes(data, size), UINT32_MAX & ~SP_JWT_ALG_BIT(SP_ALG_PS256), &set,
		    &e) == 0) {
		check(set);
		sp_jwks_free(set);
	} else {
		SP_BUG_IF(!e.what);
	}
	return 0;
}
