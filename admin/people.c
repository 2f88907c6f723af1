/* Commands on users and what lets them in. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin.h"
#include "num.h"
#include "poison.h"
#include "utf8.h"
#include "vtime.h"

#define LINK_LIFE_MS (15 * 60 * 1000)
#define SECRET_TEXT_BYTES 44 /* 32 random bytes in base64url, and a NUL */
#define KEY_PREFIX "vk_"
#define KEY_SHOWN 10 /* characters of a key that lists show */
#define PASSWORD_MIN 10
#define PASSWORD_MAX 1024

static void
make_secret(char out[SECRET_TEXT_BYTES])
{
	unsigned char raw[32];
	randombytes_buf(raw, sizeof(raw));
	sodium_bin2base64(out, SECRET_TEXT_BYTES, raw, sizeof(raw),
		sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof(raw));
}

static void
hash_secret(const char *text, char out[DB_TOKEN_BYTES])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)text, strlen(text));
	sodium_bin2hex(out, DB_TOKEN_BYTES, hash, sizeof(hash));
}

static int
take_id(void *arg, const struct db_user *u, struct verr *e)
{
	(void)e;
	*(int64_t *)arg = u->id;
	return 0;
}

static int
find_user(struct db *db, const char *name, int64_t *ret_id, struct verr *e)
{
	int r = db_user_by_name(db, name, take_id, ret_id, e);
	if (r == 0)
		return verr_set(e, VERR_INPUT, 0,
			"no user '%.64s'; `vulcan-admin user list` names them",
			name);
	return r == -1 ? -1 : 0;
}

static void
note(struct db *db, int64_t user_id, const char *what, const char *detail)
{
	/* The deed is done; a missing line in the record does not undo it. */
	struct verr e;
	struct db_event event = {
		.user_id = user_id, .what = what, .detail = detail};
	if (db_event_add(db, &event, &e) == -1)
		fprintf(stderr, "vulcan-admin: not recorded: %s\n", e.msg);
}

static int
check_name(const char *name, struct verr *e)
{
	size_t n = strnlen(name, 65);
	for (size_t i = 0; i < n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789._-",
			    name[i]) == NULL)
			n = 0;
	if (n == 0 || n > 64)
		return verr_set(e, VERR_INPUT, 0,
			"a user's name is up to 64 of a-z 0-9 . _ -");
	return 0;
}

/* The password's hash; one line of standard input is the password. */
static int
read_password(char out[crypto_pwhash_STRBYTES], struct verr *e)
{
	char line[PASSWORD_MAX + 2];
	if (isatty(STDIN_FILENO))
		fputs("password: ", stderr);
	if (fgets(line, sizeof(line), stdin) == NULL)
		line[0] = '\0';
	size_t n = strcspn(line, "\r\n");
	int r = 0;
	if (n < PASSWORD_MIN || n > PASSWORD_MAX)
		r = verr_set(e, VERR_INPUT, 0, "a password has %d to %d bytes",
			PASSWORD_MIN, PASSWORD_MAX);
	else if (crypto_pwhash_str(out, line, n,
			 crypto_pwhash_OPSLIMIT_INTERACTIVE,
			 crypto_pwhash_MEMLIMIT_INTERACTIVE) == -1)
		r = verr_set(e, VERR_HOST, 0,
			"hashing a password needs %d MiB of memory",
			(int)(crypto_pwhash_MEMLIMIT_INTERACTIVE >> 20));
	sodium_memzero(line, sizeof(line));
	return r;
}

int
admin_user_add(struct call *c, struct verr *e)
{
	const char *name = c->args[0];
	char hash[crypto_pwhash_STRBYTES];
	struct db *v_autodb db = NULL;
	int64_t id;
	if (check_name(name, e) == -1 ||
		(c->password_stdin && read_password(hash, e) == -1) ||
		db_open(c->db_path, DB_ADMIN, &db, e) == -1 ||
		db_user_add(db, name, c->password_stdin ? hash : NULL, c->admin,
			&id, e) == -1)
		return -1;
	note(db, id, "user-add", c->admin ? "administrator" : "");
	printf("added %s\n", name);
	return 0;
}

int
admin_user_password(struct call *c, struct verr *e)
{
	char hash[crypto_pwhash_STRBYTES];
	struct db *v_autodb db = NULL;
	int64_t id;
	if (!c->password_stdin)
		return verr_set(e, VERR_INPUT, 0,
			"give --password-stdin and the password on standard "
			"input");
	if (read_password(hash, e) == -1 ||
		db_open(c->db_path, DB_ADMIN, &db, e) == -1 ||
		find_user(db, c->args[0], &id, e) == -1 ||
		db_user_password(db, id, hash, e) == -1)
		return -1;
	note(db, id, "user-password", "");
	printf("changed the password of %s\n", c->args[0]);
	return 0;
}

static int
print_user(void *arg, const struct db_user *u, struct verr *e)
{
	(void)arg;
	(void)e;
	printf("%-20s %-6s %-11s %s%s\n", u->name, u->is_admin ? "admin" : "",
		u->password_hash != NULL ? "password" : "no password",
		u->created_at, u->disabled_at != NULL ? " disabled" : "");
	return 0;
}

int
admin_user_list(struct call *c, struct verr *e)
{
	struct db *v_autodb db = NULL;
	if (db_open(c->db_path, DB_ADMIN, &db, e) == -1)
		return -1;
	return db_user_each(db, print_user, NULL, e);
}

int
admin_login_link(struct call *c, struct verr *e)
{
	char secret[SECRET_TEXT_BYTES], hash[DB_TOKEN_BYTES];
	struct db *v_autodb db = NULL;
	int64_t id;
	make_secret(secret);
	hash_secret(secret, hash);
	if (db_open(c->db_path, DB_ADMIN, &db, e) == -1 ||
		find_user(db, c->args[0], &id, e) == -1 ||
		db_session_expire(db, e) == -1 ||
		db_link_add(db, hash, id, vtime_wall_ms() + LINK_LIFE_MS, e) ==
			-1)
		return -1;
	note(db, id, "login-link", "");
	printf("%s/login/%s\n", c->conf->origin, secret);
	sodium_memzero(secret, sizeof(secret));
	return 0;
}

int
admin_key_add(struct call *c, struct verr *e)
{
	const char *label = c->args[1];
	if (label[0] == '\0' || strlen(label) > 100 ||
		!utf8_valid(label, strlen(label)))
		return verr_set(e, VERR_INPUT, 0,
			"a key's label is up to 100 bytes of UTF-8");
	char secret[SECRET_TEXT_BYTES], hash[DB_TOKEN_BYTES];
	char key[sizeof(KEY_PREFIX) + SECRET_TEXT_BYTES];
	char shown[KEY_SHOWN + 1];
	make_secret(secret);
	snprintf(key, sizeof(key), KEY_PREFIX "%s", secret);
	snprintf(shown, sizeof(shown), "%.*s", KEY_SHOWN, key);
	hash_secret(key, hash);
	struct db *v_autodb db = NULL;
	int64_t user_id, key_id;
	if (db_open(c->db_path, DB_ADMIN, &db, e) == -1 ||
		find_user(db, c->args[0], &user_id, e) == -1 ||
		db_key_add(db, user_id, label, shown, hash, &key_id, e) == -1)
		return -1;
	note(db, user_id, "key-add", label);
	printf("%s\n", key);
	sodium_memzero(secret, sizeof(secret));
	sodium_memzero(key, sizeof(key));
	return 0;
}

static int
print_key(void *arg, const struct db_key *k, struct verr *e)
{
	(void)arg;
	(void)e;
	printf("%-5" PRId64 " %-20s %s... %s %s%s%s\n", k->id, k->user,
		k->prefix, k->created_at, k->name,
		k->revoked_at != NULL ? " revoked " : "",
		k->revoked_at != NULL ? k->revoked_at : "");
	return 0;
}

int
admin_key_list(struct call *c, struct verr *e)
{
	struct db *v_autodb db = NULL;
	int64_t user_id = 0;
	if (db_open(c->db_path, DB_ADMIN, &db, e) == -1)
		return -1;
	if (c->count == 1 && find_user(db, c->args[0], &user_id, e) == -1)
		return -1;
	return db_key_each(db, user_id, print_key, NULL, e);
}

int
admin_key_revoke(struct call *c, struct verr *e)
{
	uint64_t id;
	struct db *v_autodb db = NULL;
	if (num_u64s(c->args[0], 1, INT64_MAX, "key number", &id, e) == -1 ||
		db_open(c->db_path, DB_ADMIN, &db, e) == -1)
		return -1;
	int r = db_key_revoke(db, (int64_t)id, 0, e);
	if (r == 0)
		return verr_set(e, VERR_INPUT, 0,
			"no key %" PRIu64 "; `vulcan-admin key list` numbers "
			"them",
			id);
	if (r == -1)
		return -1;
	note(db, 0, "key-revoke", c->args[0]);
	printf("revoked key %" PRIu64 "\n", id);
	return 0;
}
