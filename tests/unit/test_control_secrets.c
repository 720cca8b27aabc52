#include "controlplane/control/secrets.h"
#include "controlplane/control/tls_files.h"

#include "common/clock.h"
#include "controlplane/supervisor/regions.h"
#include "tests/support/small_plan.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "common/banned.h"

#define DAYS 30

static char dir[64];
static struct sp_gateway gateway;
static struct sp_gw_certificate cert;
static char chain_path[128], key_path[128], other_key_path[128];

static EVP_PKEY *write_key(const char *path)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	FILE *f = fopen(path, "w");

	assert_non_null(k);
	assert_non_null(f);
	assert_int_equal(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	return k;
}

static void write_cert(const char *path, EVP_PKEY *k)
{
	X509 *x = X509_new();
	FILE *f = fopen(path, "w");

	X509_set_version(x, X509_VERSION_3);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), DAYS * 86400L + 60);
	X509_set_pubkey(x, k);
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_X509(f, x), 1);
	fclose(f);
	X509_free(x);
}

static int make_files(void **state)
{
	EVP_PKEY *k;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/sp-secrets-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(chain_path, sizeof(chain_path), "%s/chain.pem", dir);
	snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	snprintf(other_key_path, sizeof(other_key_path), "%s/other.pem", dir);
	k = write_key(key_path);
	write_cert(chain_path, k);
	EVP_PKEY_free(k);
	EVP_PKEY_free(write_key(other_key_path));
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(chain_path);
	unlink(key_path);
	unlink(other_key_path);
	return rmdir(dir);
}

static struct sp_text name = {.s = "gw.example"};

static int set_up(void **state)
{
	(void)state;
	cert = (struct sp_gw_certificate){
		.chain = {.s = chain_path}, .key = {.s = key_path}, .names = {&name, 1}};
	gateway = (struct sp_gateway){.file = "sallyport.yaml",
		.tls = {.certificates = {&cert, 1}},
		.limits = {.secrets_bytes = 1 << 20}};
	return 0;
}

static int read_files(struct sp_tls_files **ret, char *problem, size_t cap)
{
	struct sp_check check;
	int err;

	sp_check_init(&check);
	err = sp_tls_files_read(&gateway, &check, ret);
	snprintf(problem, cap, "%s", check.n ? check.v[0].what : "");
	sp_check_done(&check);
	return err;
}

static void a_pair_is_read_with_its_names_and_its_end(void **state)
{
	struct sp_tls_files *f;
	char problem[256];

	(void)state;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), 0);
	assert_int_equal(f->certs_n, 1);
	assert_string_equal(f->cert[0].names[0], "gw.example");
	assert_int_equal(sp_tls_files_days_left(f, sp_clock_wall_ns()), DAYS);
	assert_int_equal(
		sp_tls_files_days_left(f, sp_clock_wall_ns() + 31 * 86400 * SP_NS_PER_SEC), -1);
	sp_tls_files_free(f);
}

static void what_does_not_fit_is_named(void **state)
{
	struct sp_tls_files *f = NULL;
	char problem[256];

	(void)state;
	cert.key.s = other_key_path;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), -EBADMSG);
	assert_non_null(strstr(problem, "does not belong"));
	cert.key.s = chain_path;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), -EBADMSG);
	assert_non_null(strstr(problem, "no private key"));
	cert.key.s = key_path;
	cert.chain.s = key_path;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), -EBADMSG);
	assert_non_null(strstr(problem, "no certificate"));
	cert.chain.s = "/nonexistent";
	assert_int_equal(read_files(&f, problem, sizeof(problem)), -EBADMSG);
	assert_non_null(strstr(problem, "/nonexistent"));
	assert_null(f);
}

static void more_than_there_is_room_for_is_a_problem_of_the_files(void **state)
{
	struct sp_tls_files *f = NULL;
	char problem[256];
	size_t n;

	(void)state;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), 0);
	n = sp_tls_files_bytes(f);
	sp_tls_files_free(f);
	gateway.limits.secrets_bytes = n;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), 0);
	sp_tls_files_free(f);
	gateway.limits.secrets_bytes = n - 1;
	assert_int_equal(read_files(&f, problem, sizeof(problem)), -EBADMSG);
	assert_non_null(strstr(problem, "there is room for"));
}

struct world {
	struct sp_regions regions;
	struct sp_root *root;
	struct sp_secrets s;
	struct sp_tls_files *files;
	struct sp_keys keys;
};

static void build_world(struct world *w)
{
	struct sp_plan plan = small_plan(1);
	char problem[256];

	memset(w, 0, sizeof(*w));
	assert_int_equal(sp_regions_init(&plan, &w->regions), 0);
	w->root = sp_regions_root(&w->regions);
	assert_int_equal(sp_secrets_init(&w->s, w->root, &w->regions.secrets.shm), 0);
	assert_int_equal(read_files(&w->files, problem, sizeof(problem)), 0);
	w->keys.session_id[0] = 1;
}

static void drop_world(struct world *w)
{
	sp_tls_files_free(w->files);
	sp_regions_done(&w->regions);
}

static void a_half_holds_what_was_read_and_nothing_is_published_twice(void **state)
{
	const struct sp_secrets_half *h;
	struct world w;

	(void)state;
	build_world(&w);
	assert_null(sp_secrets_current(&w.s));
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), 0);
	h = sp_secrets_current(&w.s);
	assert_int_equal(h->generation, 1);
	assert_int_equal(h->certs_n, 1);
	assert_memory_equal((const uint8_t *)h + h->cert[0].chain_off, w.files->cert[0].chain.p,
		w.files->cert[0].chain.n);
	assert_memory_equal((const uint8_t *)h + h->cert[0].key_off, w.files->cert[0].key.p,
		w.files->cert[0].key.n);
	assert_string_equal(h->cert[0].names[0], "gw.example");
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), 1);
	assert_int_equal(w.root->secrets_head >> 8, 1);
	drop_world(&w);
}

static void a_half_that_a_worker_may_be_reading_is_not_written(void **state)
{
	struct world w;

	(void)state;
	build_world(&w);
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), 0);
	atomic_store(&w.root->worker[0].pid, 4242);
	w.keys.session[0][0]++;
	// it has not even said that it took the first half: either may be in use
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), -EBUSY);
	atomic_store(&w.root->worker[0].seen_secrets, 1);
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), 0);
	assert_int_equal(w.root->secrets_head & 0xff, 1);
	w.keys.session[0][0]++;
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), -EBUSY);
	atomic_store(&w.root->worker[0].pid, 0);
	assert_int_equal(sp_secrets_publish(&w.s, w.files, &w.keys), 0);
	assert_int_equal(sp_secrets_current(&w.s)->generation, 3);
	drop_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_pair_is_read_with_its_names_and_its_end, set_up),
		cmocka_unit_test_setup(what_does_not_fit_is_named, set_up),
		cmocka_unit_test_setup(more_than_there_is_room_for_is_a_problem_of_the_files, set_up),
		cmocka_unit_test_setup(
			a_half_holds_what_was_read_and_nothing_is_published_twice, set_up),
		cmocka_unit_test_setup(a_half_that_a_worker_may_be_reading_is_not_written, set_up),
	};
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
