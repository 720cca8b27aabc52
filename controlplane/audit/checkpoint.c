#include "controlplane/audit/checkpoint.h"

#include "common/base64.h"
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include "common/banned.h"

#define KEY_BYTES 32u
#define SIGNATURE_BYTES 64u
#define ID_BYTES 4u
#define ED25519 1u // algorithm byte of c2sp.org/signed-note
#define DASH "\xe2\x80\x94 "

struct sp_signer {
	EVP_PKEY *key;
	char name[64];
	uint8_t id[ID_BYTES];
	uint8_t public[KEY_BYTES];
};

/// First bytes of SHA-256(name, newline, algorithm, key).
static void key_id(struct sp_bytes name, const uint8_t public[KEY_BYTES], uint8_t ret[ID_BYTES])
{
	static const uint8_t between[] = {'\n', ED25519};
	struct sp_bytes piece[] = {name, {between, sizeof(between)}, {public, KEY_BYTES}};
	uint8_t digest[SP_SHA256];

	sp_sha256(piece, SP_ARRAY_LEN(piece), digest);
	memcpy(ret, digest, ID_BYTES);
}

static int read_file(int dir, const char *name, uint8_t *p, size_t cap, size_t *ret)
{
	SP_AUTO_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, p, cap, 0);
	if (n < 0)
		return -errno;
	if ((size_t)n == cap)
		return -EBADMSG;
	*ret = (size_t)n;
	return 0;
}

static int write_file(int dir, const char *name, struct sp_bytes b, mode_t mode, bool sync)
{
	char passing[64];
	SP_AUTO_FD fd = -1;

	snprintf(passing, sizeof(passing), "%s.tmp", name);
	fd = openat(dir, passing, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	if (write(fd, b.p, b.n) != (ssize_t)b.n)
		return -EIO;
	if (sync && fsync(fd) < 0)
		return -errno;
	if (renameat(dir, passing, dir, name) < 0 || (sync && fsync(dir) < 0))
		return -errno;
	return 0;
}

static int make_key(int dir, EVP_PKEY **ret)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BIO *b = BIO_new(BIO_s_secmem());
	char *p = NULL;
	long n;
	int err = -EIO;

	if (key && b && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL)) {
		n = BIO_get_mem_data(b, &p);
		err = write_file(dir, SP_CHECKPOINT_KEY, sp_bytes(p, (size_t)n), 0600, true);
	}
	BIO_free(b);
	if (err < 0) {
		EVP_PKEY_free(key);
		return err;
	}
	*ret = key;
	return 0;
}

static int load_key(int dir, EVP_PKEY **ret)
{
	uint8_t pem[2048];
	size_t n = 0;
	EVP_PKEY *key;
	BIO *b;
	int err = read_file(dir, SP_CHECKPOINT_KEY, pem, sizeof(pem), &n);

	if (err == -ENOENT)
		return make_key(dir, ret);
	b = err < 0 ? NULL : BIO_new_mem_buf(pem, (int)n);
	key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	sp_wipe(pem, sizeof(pem));
	SP_TRY(err);
	if (!key || !EVP_PKEY_is_a(key, "ED25519")) {
		EVP_PKEY_free(key);
		return -EBADMSG;
	}
	*ret = key;
	return 0;
}

static int publish_key(const struct sp_signer *s, int dir)
{
	uint8_t text[256], key[1 + KEY_BYTES] = {ED25519};
	struct sp_out out = sp_out_init(text, sizeof(text));

	memcpy(key + 1, s->public, KEY_BYTES);
	sp_out_bytes(&out, sp_bytes_cstr(s->name));
	sp_out_lit(&out, "+");
	sp_out_hex(&out, sp_bytes(s->id, ID_BYTES));
	sp_out_lit(&out, "+");
	sp_base64_encode(&out, sp_bytes(key, sizeof(key)));
	sp_out_lit(&out, "\n");
	return out.overflow ? -ENOSPC
			    : write_file(dir, SP_CHECKPOINT_PUB, sp_bytes(text, out.len), 0644, true);
}

int sp_signer_new(int dir, const uint8_t store_id[16], struct sp_signer **ret)
{
	struct sp_signer *s = calloc(1, sizeof(*s));
	struct sp_out name;
	size_t n = KEY_BYTES;
	int err;

	if (!s)
		return -ENOMEM;
	name = sp_out_init(s->name, sizeof(s->name) - 1);
	sp_out_lit(&name, "sallyport/");
	sp_out_hex(&name, sp_bytes(store_id, 16));
	err = load_key(dir, &s->key);
	if (!err && EVP_PKEY_get_raw_public_key(s->key, s->public, &n) != 1)
		err = -EBADMSG;
	if (!err) {
		key_id(sp_bytes_cstr(s->name), s->public, s->id);
		err = publish_key(s, dir);
	}
	if (err < 0) {
		sp_signer_free(s);
		return err;
	}
	*ret = s;
	return 0;
}

void sp_signer_free(struct sp_signer *s)
{
	if (!s)
		return;
	EVP_PKEY_free(s->key);
	free(s);
}

int sp_signer_note(struct sp_signer *s, uint64_t size, const uint8_t root[SP_SHA256], struct sp_out *out)
{
	uint8_t signature[ID_BYTES + SIGNATURE_BYTES];
	size_t n = SIGNATURE_BYTES, start = out->len;
	EVP_MD_CTX *c;
	bool ok;

	sp_out_bytes(out, sp_bytes_cstr(s->name));
	sp_out_lit(out, "\n");
	sp_out_u64(out, size);
	sp_out_lit(out, "\n");
	sp_base64_encode(out, sp_bytes(root, SP_SHA256));
	sp_out_lit(out, "\n");
	if (out->overflow)
		return -ENOSPC;
	memcpy(signature, s->id, ID_BYTES);
	c = EVP_MD_CTX_new();
	ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, s->key) == 1 &&
		EVP_DigestSign(c, signature + ID_BYTES, &n, out->p + start, out->len - start) == 1;
	EVP_MD_CTX_free(c);
	if (!ok)
		return -EIO;
	sp_out_lit(out, "\n" DASH);
	sp_out_bytes(out, sp_bytes_cstr(s->name));
	sp_out_lit(out, " ");
	sp_base64_encode(out, sp_bytes(signature, sizeof(signature)));
	sp_out_lit(out, "\n");
	return out->overflow ? -ENOSPC : 0;
}

int sp_signer_publish(struct sp_signer *s, int dir, uint64_t size, const uint8_t root[SP_SHA256])
{
	uint8_t text[SP_CHECKPOINT_MAX];
	struct sp_out out = sp_out_init(text, sizeof(text));

	SP_TRY(sp_signer_note(s, size, root, &out));
	return write_file(dir, SP_CHECKPOINT_FILE, sp_bytes(text, out.len), 0644, false);
}

/// Take the bytes up to `end` off *b; false when it is not there.
static bool take_until(struct sp_bytes *b, char end, struct sp_bytes *ret)
{
	const uint8_t *p = b->n ? memchr(b->p, end, b->n) : NULL;

	if (!p)
		return false;
	*ret = sp_bytes(b->p, (size_t)(p - b->p));
	b->n -= ret->n + 1;
	b->p = p + 1;
	return true;
}

static bool unbase64(struct sp_bytes text, uint8_t *p, size_t want)
{
	uint8_t buf[256];
	size_t n = 0;

	if (text.n > sizeof(buf) || sp_base64_decode(text, buf, sizeof(buf), &n) < 0 || n != want)
		return false;
	memcpy(p, buf, want);
	return true;
}

struct verifier {
	struct sp_bytes name;
	uint8_t id[ID_BYTES];
	uint8_t key[1 + KEY_BYTES];
};

static int read_vkey(struct sp_bytes vkey, struct verifier *ret)
{
	struct sp_bytes hash;
	uint8_t hex[2 * ID_BYTES];
	struct sp_out out = sp_out_init(hex, sizeof(hex));

	if (vkey.n && vkey.p[vkey.n - 1] == '\n')
		vkey.n--;
	if (!take_until(&vkey, '+', &ret->name) || !take_until(&vkey, '+', &hash) || ret->name.n == 0 ||
		!unbase64(vkey, ret->key, sizeof(ret->key)) || ret->key[0] != ED25519)
		return -EBADMSG;
	key_id(ret->name, ret->key + 1, ret->id);
	sp_out_hex(&out, sp_bytes(ret->id, ID_BYTES));
	return sp_bytes_eq(hash, sp_bytes(hex, sizeof(hex))) ? 0 : -EBADMSG;
}

static bool signed_by(const struct verifier *v, struct sp_bytes text, const uint8_t *signature)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, v->key + 1, KEY_BYTES);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = key && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(c, signature, SIGNATURE_BYTES, text.p, text.n) == 1;

	EVP_MD_CTX_free(c);
	EVP_PKEY_free(key);
	return ok;
}

/// The signature lines: one by our key must be among them and hold.
static int check_signatures(const struct verifier *v, struct sp_bytes text, struct sp_bytes lines)
{
	struct sp_bytes line, name, dash = SP_LIT(DASH);
	uint8_t signature[ID_BYTES + SIGNATURE_BYTES];

	while (take_until(&lines, '\n', &line)) {
		if (!sp_bytes_starts(line, dash))
			return -EBADMSG;
		line = sp_bytes(line.p + dash.n, line.n - dash.n);
		if (!take_until(&line, ' ', &name))
			return -EBADMSG;
		if (!sp_bytes_eq(name, v->name) || !unbase64(line, signature, sizeof(signature)) ||
			memcmp(signature, v->id, ID_BYTES) != 0)
			continue;
		return signed_by(v, text, signature + ID_BYTES) ? 0 : -EKEYREJECTED;
	}
	return lines.n ? -EBADMSG : -EKEYREJECTED;
}

int sp_checkpoint_read(struct sp_bytes note, struct sp_bytes vkey, struct sp_checkpoint *ret)
{
	struct sp_bytes rest = note, origin, size, root, line;
	struct sp_checkpoint c;
	struct verifier v;

	SP_TRY(read_vkey(vkey, &v));
	if (!take_until(&rest, '\n', &origin) || !take_until(&rest, '\n', &size) ||
		!take_until(&rest, '\n', &root) || !sp_bytes_eq(origin, v.name) ||
		sp_bytes_u64(size, &c.size) < 0 || (size.n > 1 && size.p[0] == '0') ||
		!unbase64(root, c.root, sizeof(c.root)))
		return -EBADMSG;
	do // lines of extensions are signed, and not ours to read
		if (!take_until(&rest, '\n', &line))
			return -EBADMSG;
	while (line.n);
	SP_TRY(check_signatures(&v, sp_bytes(note.p, (size_t)(line.p - note.p)), rest));
	*ret = c;
	return 0;
}

int sp_checkpoint_load(int dir, int key_dir, const char *key_name, struct sp_checkpoint *ret)
{
	uint8_t note[SP_CHECKPOINT_MAX], vkey[256];
	size_t note_n = 0, vkey_n = 0;

	SP_TRY(read_file(dir, SP_CHECKPOINT_FILE, note, sizeof(note), &note_n));
	SP_TRY(read_file(key_dir, key_name, vkey, sizeof(vkey), &vkey_n));
	return sp_checkpoint_read(sp_bytes(note, note_n), sp_bytes(vkey, vkey_n), ret);
}
