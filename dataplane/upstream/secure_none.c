/// In place of secure.c where the TLS room is not built: no TLS upstream can be taken up.
#include "dataplane/upstream/upstream_int.h"
#include "common/banned.h"

int up_secure_client(struct sp_bytes ca_pem, struct sp_tls_client **ret)
{
	(void)ca_pem;
	(void)ret;
	return -EPROTONOSUPPORT;
}
void up_secure_client_free(struct sp_tls_client *t)
{
	(void)t;
}
int up_secure_begin(struct up_conn *c)
{
	(void)c;
	return -EPROTONOSUPPORT;
}
int up_secure_data(struct up_conn *c, const uint8_t *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return -EPROTONOSUPPORT;
}
int up_secure_write(struct up_conn *c, const uint8_t *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return -EPROTONOSUPPORT;
}
bool up_secure_ready(const struct up_conn *c)
{
	(void)c;
	return false;
}
void up_secure_shutdown(struct up_conn *c)
{
	(void)c;
}
void up_secure_free(struct up_conn *c)
{
	(void)c;
}
