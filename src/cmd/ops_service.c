/* SPDX-License-Identifier: Apache-2.0 */
/* What operators and monitoring ask: /healthz and /metrics, and an index of the APIs at /. */
#include "cmd/ops_service.h"

#include "base/error.h"
#include "compute/findings.h"

struct KnOps {
    KnService service;
    KnHttp *http;
    KnJobs *jobs;
    KnCompute *compute;
    const KnService *const *catalog;
    int ready;
};

static bool
get_health (KnRequest *req, GError **error)
{
    KnOps *ops = kn_request_service (req);
    bool ready = g_atomic_int_get (&ops->ready);

    kn_request_reply_text (req, ready ? 200 : 503, "text/plain", ready ? "ok\n" : "starting\n");
    return true;
}

static bool
get_metrics (KnRequest *req, GError **error)
{
    KnOps *ops = kn_request_service (req);
    g_autoptr (GString) text = g_string_new (NULL);

    g_string_append_printf (text,
                            "# HELP kilonova_build_info Version of the program.\n"
                            "# TYPE kilonova_build_info gauge\n"
                            "kilonova_build_info{version=\"%s\"} 1\n",
                            KN_VERSION);
    if (!g_atomic_int_get (&ops->ready)) {
        kn_error_public (error, KN_ERROR_UNAVAILABLE, "Kilonova is starting.");
        return false;
    }
    kn_http_write_metrics (ops->http, text);
    kn_jobs_write_metrics (ops->jobs, text);
    kn_compute_write_metrics (ops->compute, text);
    kn_request_reply_text (req, 200, "text/plain; version=0.0.4", text->str);
    return true;
}

static bool
get_index (KnRequest *req, GError **error)
{
    KnOps *ops = kn_request_service (req);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_string_member (w, "name", "kilonova");
    kn_jw_string_member (w, "version", KN_VERSION);
    kn_jw_array_member (w, "services");
    for (guint i = 0; ops->catalog[i]; i++) {
        kn_jw_object (w);
        kn_jw_string_member (w, "type", ops->catalog[i]->type);
        kn_jw_format_member (w, "url", "%s%s", kn_request_url_of (req, ops->catalog[i]->type),
                             ops->catalog[i]->endpoint);
        kn_jw_end (w);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static const char *const role_names[] = {
    [KN_ROLE_NONE] = "none",     [KN_ROLE_TOKEN] = "token", [KN_ROLE_READER] = "reader",
    [KN_ROLE_MEMBER] = "member", [KN_ROLE_ADMIN] = "admin",
};

static void
write_route (KnJw *w, const KnService *service, const KnRoute *route)
{
    kn_jw_object (w);
    kn_jw_string_member (w, "service", service->type);
    kn_jw_string_member (w, "method", route->method);
    kn_jw_format_member (w, "path", "%s%s", service->prefix, route->path);
    kn_jw_string_member (w, "role", role_names[route->role]);
    kn_jw_string_member (w, "run", route->run == KN_INLINE ? "inline" : "worker");
    kn_jw_int_member (w, "max_body", (gint64)route->max_body);
    kn_jw_bool_member (w, "streams", route->sink != NULL);
    kn_jw_end (w);
}

/* Every route of the catalog's services with what the dispatcher enforces: the whole API at a glance. */
static bool
get_routes (KnRequest *req, GError **error)
{
    KnOps *ops = kn_request_service (req);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_array_member (w, "routes");
    for (guint i = 0; ops->catalog[i]; i++) {
        for (gsize k = 0; k < ops->catalog[i]->n_routes; k++)
            write_route (w, ops->catalog[i], &ops->catalog[i]->routes[k]);
    }
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, 200, w);
    return true;
}

static bool
get_findings (KnRequest *req, GError **error)
{
    KnOps *ops = kn_request_service (req);

    if (g_atomic_int_get (&ops->ready))
        return kn_compute_reply_findings (ops->compute, req, error);
    kn_error_public (error, KN_ERROR_UNAVAILABLE, "Kilonova is starting.");
    return false;
}

static void
write_fault (KnRequest *req, guint status, const GError *error)
{
    g_autofree char *text = g_strconcat (kn_error_sentence (error), "\n", NULL);

    kn_request_reply_text (req, status, "text/plain", text);
}

static const KnRoute routes[] = {
    { "GET", "/", get_index, .role = KN_ROLE_NONE, .run = KN_INLINE },
    { "GET", "/healthz", get_health, .role = KN_ROLE_NONE, .run = KN_INLINE },
    { "GET", "/kilonova/findings", get_findings, .role = KN_ROLE_READER, .run = KN_WORKER },
    { "GET", "/kilonova/routes", get_routes, .role = KN_ROLE_ADMIN, .run = KN_INLINE },
    { "GET", "/metrics", get_metrics, .role = KN_ROLE_NONE, .run = KN_WORKER },
};

KnOps *
kn_ops_new (const KnService *const *catalog)
{
    KnOps *ops = g_new0 (KnOps, 1);

    ops->catalog = catalog;
    ops->service = (KnService){
        .name = "kilonova",
        .prefix = "",
        .endpoint = "",
        .routes = routes,
        .n_routes = G_N_ELEMENTS (routes),
        .write_fault = write_fault,
        .data = ops,
    };
    return ops;
}

void
kn_ops_free (KnOps *ops)
{
    g_free (ops);
}

const KnService *
kn_ops_service (const KnOps *ops)
{
    return &ops->service;
}

void
kn_ops_set_ready (KnOps *ops, KnHttp *http, KnJobs *jobs, KnCompute *compute)
{
    ops->http = http;
    ops->jobs = jobs;
    ops->compute = compute;
    g_atomic_int_set (&ops->ready, 1);
}
