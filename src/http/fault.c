/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies of the services. */
#include "http/fault.h"

#include <microhttpd.h>

#include "base/error.h"

char *
kn_fault_dup_sentence (const KnRequest *req, const GError *error)
{
    if (kn_error_is_public (error))
        return g_strdup (kn_error_sentence (error));
    return g_strdup_printf ("%s (Request-ID: %s)", kn_error_sentence (error), kn_request_id (req));
}

static void
write_code (KnJw *w, guint status, const char *sentence)
{
    kn_jw_int_member (w, "code", status);
    kn_jw_string_member (w, "message", sentence);
}

void
kn_fault_write_compute (KnRequest *req, guint status, const GError *error)
{
    g_autofree char *sentence = kn_fault_dup_sentence (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    /* Nova has no fault name of its own for 406. */
    kn_jw_object_member (w, status == 406 ? "computeFault" : kn_error_fault (error));
    write_code (w, status, sentence);
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
}

void
kn_fault_write_identity (KnRequest *req, guint status, const GError *error)
{
    g_autofree char *sentence = kn_fault_dup_sentence (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();

    kn_jw_object (w);
    kn_jw_object_member (w, "error");
    write_code (w, status, sentence);
    kn_jw_string_member (w, "title", MHD_get_reason_phrase_for (status));
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
}

static const char *
network_type (guint status)
{
    switch (status) {
    case 400:
        return "BadRequest";
    case 401:
        return "HTTPUnauthorized";
    case 403:
        return "PolicyNotAuthorized";
    case 404:
        return "HTTPNotFound";
    case 409:
        return "Conflict";
    default:
        return status >= 500 ? "HTTPInternalServerError" : "HTTPClientError";
    }
}

void
kn_fault_write_network (KnRequest *req, guint status, const GError *error)
{
    g_autofree char *sentence = kn_fault_dup_sentence (req, error);
    g_autoptr (KnJw) w = kn_jw_new ();
    const char *type = kn_error_type (error);

    kn_jw_object (w);
    kn_jw_object_member (w, "NeutronError");
    kn_jw_string_member (w, "type", type != NULL ? type : network_type (status));
    kn_jw_string_member (w, "message", sentence);
    kn_jw_string_member (w, "detail", "");
    kn_jw_end (w);
    kn_jw_end (w);
    kn_request_reply_json (req, status, w);
}
