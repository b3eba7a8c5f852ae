/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's errors as ours: one table, and its sentence without the host's paths. */
#include <errno.h>
#include <string.h>

#include "virt/virt_priv.h"

#define MESSAGE_MAX 1000

typedef struct {
    int number;
    KnErrorCode code;
} KnVirtErrorRow;

static void
drop_error (void *data, virErrorPtr failure)
{
}

void
kn_virt_error_silence (void)
{
    virSetErrorFunc (NULL, drop_error);
}

static bool
starts_path (const char *text, const char *at)
{
    if (at[1] == '\0' || g_ascii_isspace (at[1]))
        return false;

    /* "Input/output" and "qemu+tls://host" are no paths; "'/var/x'", "file=/var/x" and "file:/var/x" are. */
    return at == text || g_ascii_isspace (at[-1]) || strchr ("'\"(=[,<>{", at[-1]) != NULL
           || (at[-1] == ':' && at[1] != '/');
}

/* The end of the path that starts at @at: the matching quote, or the next character that ends a word. */
static const char *
find_path_end (const char *text, const char *at)
{
    char quote = at > text && (at[-1] == '\'' || at[-1] == '"') ? at[-1] : '\0';
    const char *closing = quote ? strchr (at, quote) : NULL;

    if (closing)
        return closing;
    gsize len = strcspn (at, " \t\n'\"),;]<>");
    while (len > 1 && (at[len - 1] == ':' || at[len - 1] == '.'))
        len--;
    return at + len;
}

static void
append_base_name (GString *out, const char *start, const char *end)
{
    while (end > start + 1 && end[-1] == '/')
        end--;
    if (end == start + 1) {
        g_string_append_c (out, '/');
        return;
    }
    const char *slash = g_strrstr_len (start, end - start, "/");

    g_string_append_len (out, slash + 1, end - slash - 1);
}

char *
kn_virt_error_scrub (const char *message)
{
    g_autofree char *text = g_strndup (message, MESSAGE_MAX);
    GString *out = g_string_new (NULL);

    g_strdelimit (text, "\r\n\t", ' ');
    for (const char *at = text; *at;) {
        if (*at != '/' || !starts_path (text, at)) {
            g_string_append_c (out, *at++);
            continue;
        }
        const char *end = find_path_end (text, at);

        append_base_name (out, at, end);
        at = end;
    }
    char *valid = g_utf8_make_valid (out->str, (gssize)out->len);
    (void)g_string_free (out, true);
    return g_strstrip (valid);
}

static const KnVirtErrorRow rows[] = {
    { VIR_ERR_NO_DOMAIN, KN_ERROR_NOT_FOUND },
    { VIR_ERR_NO_NETWORK, KN_ERROR_NOT_FOUND },
    { VIR_ERR_NO_STORAGE_POOL, KN_ERROR_NOT_FOUND },
    { VIR_ERR_NO_STORAGE_VOL, KN_ERROR_NOT_FOUND },
    { VIR_ERR_NO_DOMAIN_METADATA, KN_ERROR_NOT_FOUND },
    { VIR_ERR_NO_DEVICE, KN_ERROR_NOT_FOUND },
    { VIR_ERR_DEVICE_MISSING, KN_ERROR_NOT_FOUND },
    { VIR_ERR_OPERATION_INVALID, KN_ERROR_CONFLICT },
    { VIR_ERR_DOM_EXIST, KN_ERROR_CONFLICT },
    { VIR_ERR_NETWORK_EXIST, KN_ERROR_CONFLICT },
    { VIR_ERR_STORAGE_VOL_EXIST, KN_ERROR_CONFLICT },
    { VIR_ERR_AGENT_UNRESPONSIVE, KN_ERROR_CONFLICT },
    { VIR_ERR_RESOURCE_BUSY, KN_ERROR_IN_USE },
    { VIR_ERR_BLOCK_COPY_ACTIVE, KN_ERROR_IN_USE },
    { VIR_ERR_NO_SUPPORT, KN_ERROR_NOT_IMPLEMENTED },
    { VIR_ERR_OPERATION_UNSUPPORTED, KN_ERROR_NOT_IMPLEMENTED },
    { VIR_ERR_ARGUMENT_UNSUPPORTED, KN_ERROR_NOT_IMPLEMENTED },
    { VIR_ERR_OPERATION_TIMEOUT, KN_ERROR_TIMEOUT },
    { VIR_ERR_AGENT_UNSYNCED, KN_ERROR_TIMEOUT },
    { VIR_ERR_RPC, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_NO_CONNECT, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_INVALID_CONN, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_AUTH_FAILED, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_AUTH_CANCELLED, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_AUTH_UNAVAILABLE, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_GNUTLS_ERROR, KN_ERROR_UNAVAILABLE },
    { VIR_ERR_SYSTEM_ERROR, KN_ERROR_VIRT },
    { VIR_ERR_OK, KN_ERROR_VIRT },
};

KnErrorCode
kn_virt_error_code (int number)
{
    for (const KnVirtErrorRow *row = rows; row->number != VIR_ERR_OK; row++)
        if (row->number == number)
            return row->code;
    return KN_ERROR_VIRT;
}

bool
kn_virt_error_is_connection (const virError *failure)
{
    /* A broken socket has many numbers (system error, internal error, RPC), but one domain. */
    return failure->domain == VIR_FROM_RPC || failure->code == VIR_ERR_NO_CONNECT
           || failure->code == VIR_ERR_INVALID_CONN;
}

static bool
is_out_of_space (const virError *failure)
{
    if (failure->code == VIR_ERR_SYSTEM_ERROR)
        return failure->int1 == ENOSPC || failure->int1 == EDQUOT;

    /* qemu-img only tells its parent in words, which libvirt runs in the C locale. */
    return failure->message
           && (strstr (failure->message, "No space left on device")
               || strstr (failure->message, "Disk quota exceeded"));
}

static KnErrorCode
choose_code (const virError *failure)
{
    if (kn_virt_error_is_connection (failure))
        return KN_ERROR_UNAVAILABLE;
    if (is_out_of_space (failure))
        return KN_ERROR_NO_SPACE;
    return kn_virt_error_code (failure->code);
}

int
kn_virt_last_number (void)
{
    const virError *failure = virGetLastError ();

    return failure ? failure->code : VIR_ERR_OK;
}

bool
kn_virt_fail (KnVirtHost *host, virConnectPtr conn, GError **error)
{
    const virError *failure = virGetLastError ();

    if (!failure || failure->code == VIR_ERR_OK) {
        kn_error_set (error, KN_ERROR_VIRT, "libvirt on host '%s' failed without a reason",
                      host->name);
        return false;
    }
    g_autofree char *sentence
        = kn_virt_error_scrub (failure->message ? failure->message : "unknown reason");
    KnErrorCode code = choose_code (failure);
    bool lost = kn_virt_error_is_connection (failure);

    virResetLastError ();
    if (lost) {
        kn_error_public (error, code, "Host '%s' is not reachable: %s", host->name, sentence);
        kn_virt_host_lost (host, conn, sentence);
    } else {
        kn_error_public (error, code, "%s", sentence);
    }
    return false;
}
