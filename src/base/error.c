/* SPDX-License-Identifier: Apache-2.0 */
/* The error domain, and which of its messages a client may read. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>

/* What an error carries besides code and message. */
typedef struct {
    bool is_public;
    const char *type; /* static */
} KnErrorPrivate;

static void
kn_error_private_init (KnErrorPrivate *priv)
{
    *priv = (KnErrorPrivate){ 0 };
}

static void
kn_error_private_copy (const KnErrorPrivate *from, KnErrorPrivate *to)
{
    *to = *from;
}

static void
kn_error_private_clear (KnErrorPrivate *priv)
{
    *priv = (KnErrorPrivate){ 0 };
}

/* G_DEFINE_EXTENDED_ERROR() defines kn_error_quark() and kn_error_get_private(). */
G_DEFINE_EXTENDED_ERROR (KnError, kn_error)

typedef struct {
    guint status;
    const char *fault;
    const char *sentence;
} KnErrorRow;

static const KnErrorRow rows[KN_ERROR_N] = {
    [KN_ERROR_INTERNAL] = { 500, "computeFault", "The server could not do this." },
    [KN_ERROR_BAD_REQUEST] = { 400, "badRequest", "The request is not valid." },
    [KN_ERROR_UNAUTHORIZED] = { 401, "unauthorized", "The request needs a valid token." },
    [KN_ERROR_FORBIDDEN] = { 403, "forbidden", "The caller may not do this." },
    [KN_ERROR_OVER_QUOTA] = { 403, "forbidden", "The quota is used up." },
    [KN_ERROR_NOT_FOUND] = { 404, "itemNotFound", "There is no such resource." },
    [KN_ERROR_METHOD] = { 405, "badMethod", "The resource does not have this method." },
    [KN_ERROR_NOT_ACCEPTABLE] = { 406, "notAcceptable", "This version is not offered." },
    [KN_ERROR_CONFLICT] = { 409, "conflictingRequest", "The resource is in another state." },
    [KN_ERROR_IN_USE] = { 409, "conflictingRequest", "The resource is in use." },
    [KN_ERROR_GONE] = { 410, "resourceGone", "The resource is gone." },
    [KN_ERROR_TOO_LARGE] = { 413, "overLimit", "The request is too large." },
    [KN_ERROR_MEDIA_TYPE] = { 415, "badMediaType", "The content type is not taken here." },
    [KN_ERROR_NOT_IMPLEMENTED] = { 501, "notImplemented", "This is not implemented." },
    [KN_ERROR_UNAVAILABLE] = { 503, "serviceUnavailable", "Not available now; try again." },
    [KN_ERROR_TIMEOUT] = { 504, "computeFault", "A part did not answer in time." },
    [KN_ERROR_NO_SPACE] = { 507, "computeFault", "There is no storage space left." },
    [KN_ERROR_DB] = { 500, "computeFault", "The database could not do this." },
    [KN_ERROR_VIRT] = { 500, "computeFault", "The hypervisor could not do this." },
};

static const KnErrorRow *
find_row (const GError *error)
{
    bool known = error->domain == KN_ERROR && error->code >= 0 && error->code < KN_ERROR_N;

    return &rows[known ? error->code : KN_ERROR_INTERNAL];
}

G_GNUC_PRINTF (5, 0)
static void
set_valist (GError **error, KnErrorCode code, bool is_public, const char *type, const char *format,
            va_list args)
{
    if (!error)
        return;
    g_assert (!*error);

    *error = g_error_new_valist (KN_ERROR, (int)code, format, args);
    KnErrorPrivate *priv = kn_error_get_private (*error);
    priv->is_public = is_public;
    priv->type = type;
}

void
kn_error_set (GError **error, KnErrorCode code, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    set_valist (error, code, false, NULL, format, args);
    va_end (args);
}

void
kn_error_public (GError **error, KnErrorCode code, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    set_valist (error, code, true, NULL, format, args);
    va_end (args);
}

void
kn_error_public_type (GError **error, KnErrorCode code, const char *type, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    set_valist (error, code, true, type, format, args);
    va_end (args);
}

static KnErrorCode
code_from_errno (int saved_errno)
{
    switch (saved_errno) {
    case ENOSPC:
    case EDQUOT:
        return KN_ERROR_NO_SPACE;
    case ENOENT:
        return KN_ERROR_NOT_FOUND;
    default:
        return KN_ERROR_INTERNAL;
    }
}

void
kn_error_set_errno (GError **error, int saved_errno, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    set_valist (error, code_from_errno (saved_errno), false, NULL, format, args);
    va_end (args);
    if (error) {
        g_autofree char *message
            = g_strdup_printf ("%s: %s", (*error)->message, g_strerror (saved_errno));
        g_free ((*error)->message);
        (*error)->message = g_steal_pointer (&message);
    }
}

bool
kn_error_is_public (const GError *error)
{
    return error->domain == KN_ERROR && kn_error_get_private (error)->is_public;
}

const char *
kn_error_sentence (const GError *error)
{
    return kn_error_is_public (error) ? error->message : find_row (error)->sentence;
}

const char *
kn_error_type (const GError *error)
{
    return error->domain == KN_ERROR ? kn_error_get_private (error)->type : NULL;
}

guint
kn_error_status (const GError *error)
{
    return find_row (error)->status;
}

const char *
kn_error_fault (const GError *error)
{
    return find_row (error)->fault;
}

bool
kn_error_is_transient (const GError *error)
{
    return g_error_matches (error, KN_ERROR, KN_ERROR_UNAVAILABLE)
           || g_error_matches (error, KN_ERROR, KN_ERROR_TIMEOUT);
}
