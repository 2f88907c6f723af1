/* Sandboxes and runs, for drivers: the table that backend.c calls. */
#ifndef DRIVER_H
#define DRIVER_H

#include "backend.h"

/*
 * Drivers embed these at the start of their own structs. backend.c owns the
 * fields; drivers read them. magic tells that a pointer is what it claims.
 */
#define BACKEND_MAGIC 0x4241434bu
struct backend {
	unsigned magic;
	const struct driver *driver;
	const struct conf *conf;
};

enum sandbox_state {
	SANDBOX_MADE,
	SANDBOX_STARTED,
	SANDBOX_ENDED,
	SANDBOX_COLLECTED,
	SANDBOX_STATES
};

#define SANDBOX_MAGIC 0x53414e44u
struct sandbox {
	unsigned magic;
	struct backend *backend;
	enum sandbox_state state;
	struct sandbox_class class;
	struct sandbox_slot slot;
	int64_t create_ns; /* when create began and how long it took */
	int64_t created_ns;
	enum warmth warmth;
	struct run_sink sink;
	const struct run_spec *spec; /* from start on */
};

/*
 * Every slot is documented at its caller in backend.h. name is a word; tier is
 * what it serves. A slot that may be NULL says so; all others are asserted
 * when the driver is registered.
 */
struct driver {
	const char *name;
	enum tier tier;
	int (*open)(const struct conf *, struct backend **ret, struct verr *);
	void (*close)(struct backend *);
	int (*fd)(const struct backend *); /* NULL: no care needed */
	int (*tend)(struct backend *, struct verr *); /* NULL with fd */
	int (*probe)(struct backend *, const struct sandbox_slot *,
		struct backend_caps *, struct verr *);
	int (*sweep)(
		struct backend *, const struct sandbox_slot *, struct verr *);
	int (*create)(struct backend *, const struct sandbox_class *,
		const struct sandbox_slot *, struct sandbox **ret,
		struct verr *);
	int (*start)(struct sandbox *, struct verr *);
	int (*wait)(struct sandbox *, int cancel_fd, struct verr *);
	int (*kill)(struct sandbox *, enum reason, struct verr *);
	int (*collect)(struct sandbox *, struct run_left *, struct verr *);
	void (*destroy)(struct sandbox *);
};

/* The drivers of this build; backend.c lists them. */
extern const struct driver isolate_driver;

/* Serves the driver's tier by this one, for tests; NULL takes it back. */
void backend_use_driver(const struct driver *);

#endif
