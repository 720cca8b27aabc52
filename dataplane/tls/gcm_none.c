/// A build without intel-ipsec-mb.
#include "dataplane/tls/gcm.h"

#include <errno.h>
#include "common/banned.h"

int tls_gcm_offer(void)
{
	return -ENOTSUP;
}
