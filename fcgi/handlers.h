/* What serves each route; see routes.c. Each answers or returns -1. */
#ifndef HANDLERS_H
#define HANDLERS_H

#include "exchange.h"
#include "form.h"

int page_home(struct exchange *, struct verr *);
int page_list(struct exchange *, struct verr *);
int page_detail(struct exchange *, struct verr *);
int page_cancel(struct exchange *, struct verr *);
int page_rerun(struct exchange *, struct verr *);
int page_submit(struct exchange *, struct verr *);
int page_submit_post(struct exchange *, struct verr *);
int page_backends(struct exchange *, struct verr *);
int page_keys(struct exchange *, struct verr *);
int page_keys_post(struct exchange *, struct verr *);
int page_key_revoke(struct exchange *, struct verr *);
int page_login(struct exchange *, struct verr *);
int page_login_post(struct exchange *, struct verr *);
int page_link(struct exchange *, struct verr *);
int page_link_post(struct exchange *, struct verr *);
int page_logout(struct exchange *, struct verr *);

int api_submit(struct exchange *, struct verr *);
int api_submit_async(struct exchange *, struct verr *);
int api_list(struct exchange *, struct verr *);
int api_get(struct exchange *, struct verr *);
int api_delete(struct exchange *, struct verr *);
int api_rerun(struct exchange *, struct verr *);
int api_logs(struct exchange *, struct verr *);
int api_history(struct exchange *, struct verr *);
int api_stdout(struct exchange *, struct verr *);
int api_stderr(struct exchange *, struct verr *);
int api_artifact(struct exchange *, struct verr *);
int api_backends(struct exchange *, struct verr *);
int api_stats(struct exchange *, struct verr *);
int api_nodes(struct exchange *, struct verr *);
int api_healthz(struct exchange *, struct verr *);
int api_metrics(struct exchange *, struct verr *);

/* The filters of a list, from the checked query; 400 for none of ours. */
extern const struct param list_params[];
int list_filter(struct exchange *, struct db_filter *ret, struct verr *);

#endif
