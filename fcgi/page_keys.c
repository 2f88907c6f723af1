/* API keys: made, shown once, revoked. */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "csrf.h"
#include "handlers.h"
#include "num.h"
#include "poison.h"
#include "respond.h"
#include "show.h"

#define KEY_NAME_BYTES 64
#define KEY_PREFIX_CHARS 10

struct listing {
	struct exchange *x;
	cJSON *list;
	size_t count;
	const char *revoke;
};

static int
on_key(void *arg, const struct db_key *k, struct verr *e)
{
	(void)e;
	struct listing *l = arg;
	cJSON *v = view_item(l->list);
	l->count++;
	view_textf(v, "key_id", "%lld", (long long)k->id);
	view_text(v, "name", k->name);
	view_text(v, "prefix", k->prefix);
	view_text(v, "created", show_time(l->x->arena, k->created_at));
	view_text(v, "created_at", k->created_at);
	view_bool(v, "revoked", k->revoked_at != NULL);
	view_text(v, "csrf_revoke", l->revoke);
	return 0;
}

static int
show_keys(struct exchange *x, int status, const char *message, const char *name,
	const char *secret, struct verr *e)
{
	cJSON *v = page_view(x, "Keys", "at_keys");
	struct listing l = {
		.x = x,
		.list = view_list(v, "keys"),
		.revoke = csrf_for(x, "/keys/:key/revoke"),
	};
	if (db_key_each(x->web->db, x->who.user_id, on_key, &l, e) == -1) {
		cJSON_Delete(v);
		return -1;
	}
	view_bool(v, "keys_present", l.count > 0);
	view_text(v, "csrf_key", csrf_for(x, "/keys"));
	view_text(v, "message", message);
	view_text(v, "fresh", secret);
	view_text(v, "fresh_name", name);
	return respond_page(x, status, PAGE_KEYS, v, e);
}

int
page_keys(struct exchange *x, struct verr *e)
{
	return show_keys(x, 200, NULL, NULL, NULL, e);
}

/*
 * The secret is in this one answer and nowhere else, so there is no redirect:
 * a page to go to could not show it.
 */
int
page_keys_post(struct exchange *x, struct verr *e)
{
	const char *name = form_get(&x->form, "name");
	if (name == NULL || name[0] == '\0' || strlen(name) > KEY_NAME_BYTES)
		return show_keys(x, 400,
			"A key needs a name of at most 64 bytes.", NULL, NULL,
			e);
	char random[AUTH_SECRET_BYTES], hash[DB_TOKEN_BYTES];
	auth_secret(random);
	const char *key =
		arena_printf(x->arena, "%s%s", AUTH_KEY_PREFIX, random);
	const char *prefix = arena_bytes(x->arena, key, KEY_PREFIX_CHARS);
	auth_hash(key, hash);
	int64_t id;
	if (db_key_add(x->web->db, x->who.user_id, name, prefix, hash, &id,
		    e) == -1 ||
		auth_event(x, x->who.user_id, NULL, "key-made", prefix, e) ==
			-1)
		return -1;
	return show_keys(x, 201, NULL, name, key, e);
}

int
page_key_revoke(struct exchange *x, struct verr *e)
{
	uint64_t id;
	struct verr wrong;
	if (num_u64s(route_captured(&x->match, "key"), 1, INT64_MAX, "key", &id,
		    &wrong) == -1)
		return refuse(x, 404, NULL, e, "there is no such key");
	int r = db_key_revoke(x->web->db, (int64_t)id, x->who.user_id, e);
	if (r == -1)
		return -1;
	if (r == 0)
		return refuse(x, 404, NULL, e, "there is no such key");
	if (auth_event(x, x->who.user_id, NULL, "key-revoked", "", e) == -1)
		return -1;
	return respond_redirect(x, "/keys", e);
}
