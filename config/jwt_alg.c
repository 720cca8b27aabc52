#include "config/snapshot.h"
#include "common/banned.h"

static const char *const alg_names[] = {
	[SP_ALG_RS256] = "RS256",
	[SP_ALG_PS256] = "PS256",
	[SP_ALG_ES256] = "ES256",
	[SP_ALG_ES384] = "ES384",
	[SP_ALG_EDDSA] = "EdDSA",
};

const char *sp_jwt_alg_name(enum sp_jwt_alg alg)
{
	return alg >= SP_ALG_RS256 && alg <= SP_ALG_EDDSA ? alg_names[alg] : "";
}

int sp_jwt_alg_parse(struct sp_bytes s, enum sp_jwt_alg *ret)
{
	for (unsigned i = SP_ALG_RS256; i < SP_ARRAY_LEN(alg_names); i++) {
		if (sp_bytes_eq(s, sp_bytes_cstr(alg_names[i]))) {
			*ret = (enum sp_jwt_alg)i;
			return 0;
		}
	}
	return -ENOENT;
}
