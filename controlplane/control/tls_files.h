/// What sp_tls_files_read() found; inside controlplane/control/{secrets,tls_files}.c.
#pragma once

#include "controlplane/control/secrets.h"

struct sp_pem {
	uint8_t *p;
	size_t n;
};
struct sp_tls_cert {
	struct sp_pem chain, key;
	uint32_t names_n;
	char names[SP_CERT_NAMES_MAX][128];
	int64_t not_after_s; ///< seconds since 1970
};
struct sp_tls_files {
	struct sp_pem client_ca;
	uint32_t certs_n;
	struct sp_tls_cert cert[SP_CERTS_MAX];
};
size_t sp_tls_files_bytes(const struct sp_tls_files *f); ///< of a half that holds them
