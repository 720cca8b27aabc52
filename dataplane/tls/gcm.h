/// AES-GCM of intel-ipsec-mb as a provider of OpenSSL's, for the records of TLS alone: a message
/// comes in one piece with at most TLS_GCM_AAD_MAX bytes beside it, its nonce has 12 bytes and is
/// good for one message, its tag 16 bytes. All else is refused. Private to dataplane/tls.
#pragma once

#include "common/bytes.h"

#define TLS_GCM_AAD_MAX 32u

/// What SSL_CTX_new_ex() is to look for: this provider's ciphers first, all else as ever.
#define TLS_GCM_PROPERTIES "?sallyport.records=yes"

/// Gives OpenSSL's default context this provider beside the default one. -ENOTSUP: the CPU has no
/// instructions for it, or the library does not compute what the standard says; -ENOMEM. Once a
/// process; OpenSSL is set up already.
SP_MUST_CHECK int tls_gcm_offer(void);
