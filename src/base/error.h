/* SPDX-License-Identifier: Apache-2.0 */
/* One error domain. A message is for operators unless it was set by a *_public function: only those reach a client. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_ERROR_INTERNAL,        /* our mistake, or one that no caller can mend */
    KN_ERROR_BAD_REQUEST,     /* 400 */
    KN_ERROR_UNAUTHORIZED,    /* 401 */
    KN_ERROR_FORBIDDEN,       /* 403 */
    KN_ERROR_OVER_QUOTA,      /* 403 in Compute, 409 in Network, 413 in Image */
    KN_ERROR_NOT_FOUND,       /* 404 */
    KN_ERROR_METHOD,          /* 405 */
    KN_ERROR_NOT_ACCEPTABLE,  /* 406 */
    KN_ERROR_CONFLICT,        /* 409: wrong state, name taken */
    KN_ERROR_IN_USE,          /* 409: somebody is working on it or depends on it */
    KN_ERROR_GONE,            /* 410 */
    KN_ERROR_TOO_LARGE,       /* 413 */
    KN_ERROR_MEDIA_TYPE,      /* 415 */
    KN_ERROR_NOT_IMPLEMENTED, /* 501 */
    KN_ERROR_UNAVAILABLE,     /* 503: try again; also a host that is away, a busy database */
    KN_ERROR_TIMEOUT,         /* 504: a part did not answer in time */
    KN_ERROR_NO_SPACE,        /* 507: disk full */
    KN_ERROR_DB,              /* the database failed */
    KN_ERROR_VIRT,            /* libvirt failed */
    KN_ERROR_N
} KnErrorCode;

#define KN_ERROR (kn_error_quark ())
GQuark kn_error_quark (void);

/* Sets an operator's message: lower case, no full stop, subject in quotes. */
void kn_error_set (GError **error, KnErrorCode code, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* Sets a message that API users may read: a whole sentence. */
void kn_error_public (GError **error, KnErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* Like kn_error_public(); @type is a static string that the fault writer may show (NeutronError's "NetworkInUse"). */
void kn_error_public_type (GError **error, KnErrorCode code, const char *type, const char *format,
                           ...) G_GNUC_PRINTF (4, 5);

/* Sets an operator's message from errno; ENOSPC and EDQUOT become NO_SPACE. */
void kn_error_set_errno (GError **error, int saved_errno, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* The sentence for a client: the message itself when it is public, otherwise its code's generic sentence. Borrowed. */
const char *kn_error_sentence (const GError *error);

/* The type given to kn_error_public_type(), or NULL. Static. */
const char *kn_error_type (const GError *error);

/* HTTP status and Compute fault name ("itemNotFound") of the error's code; errors of other domains count as INTERNAL. */
guint kn_error_status (const GError *error);
const char *kn_error_fault (const GError *error);

bool kn_error_is_public (const GError *error);

/* Whether trying the same again later may succeed: UNAVAILABLE, TIMEOUT. */
bool kn_error_is_transient (const GError *error);
