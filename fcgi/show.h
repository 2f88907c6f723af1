/* Rows, times and sizes as people read them; parts that pages share. */
#ifndef SHOW_H
#define SHOW_H

#include "exchange.h"
#include "pages.h"
#include "tiers.h"

/* "1.24 ms", "3.1 s", "2 min 5 s". */
const char *show_ms(struct arena *, double ms);

/* "512 B", "1.5 KiB", "3.0 MiB". */
const char *show_bytes(struct arena *, uint64_t);

/* "2026-11-23 00:46:55" of an RFC 3339 time; "" of NULL. */
const char *show_time(struct arena *, const char *rfc3339);

/* Bytes as text for a page: NULs become their visible sign. */
const char *show_text(struct arena *, const void *, size_t n);

/* Adds a name and a value to a list of facts. */
void show_fact(cJSON *list, const char *name, const char *value);

/* Adds one row of rows.html. */
void show_row(struct exchange *, cJSON *rows, const struct db_workload *);

/* Adds all tiers with their state; `chosen` may be NULL. */
void show_tiers(struct exchange *, cJSON *view,
	const struct tier_state[TIER_COUNT], const char *chosen);

/* Adds a list of the words that a filter or a field offers. */
void show_options(cJSON *view, const char *name, const char *const *words,
	const char *chosen);

/* The words of each closed set, NULL-terminated. */
extern const char *const show_statuses[STATUS_COUNT + 1];
extern const char *const show_tier_words[TIER_COUNT + 1];
extern const char *const show_runtimes[RUNTIME_COUNT + 1];
extern const char *const show_reasons[REASON_COUNT];

#endif
