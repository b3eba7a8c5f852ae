/* SPDX-License-Identifier: Apache-2.0 */
/* Our tags on networks, and the POSIX spelling of zones. */
#include "network/time_service.h"

#include <string.h>

#include "base/error.h"
#include "base/util.h"
#include "network/formats.h"

#define OURS "kilonova:"
#define NTP OURS "ntp"
#define NTP_IS NTP "="
#define ZONE_IS OURS "timezone="

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ZONE_FILE_MAX (1 * MIB)

/* An option of DHCP has 255 bytes at most: 63 IPv4 addresses. Nobody needs them all. */
#define SERVERS_MAX 8

char **
kn_time_service_parse_servers (const char *text, GError **error)
{
    g_auto (GStrv) words = g_strsplit_set (text, ", \t", -1);
    g_autoptr (GPtrArray) found = g_ptr_array_new_null_terminated (4, g_free, TRUE);

    for (char **word = words; *word != NULL; word++) {
        char *address = NULL;

        if (**word == '\0')
            continue;
        if (!kn_format_ip (*word, &address)) {
            kn_error_set (error, KN_ERROR_BAD_REQUEST, "'%s' is not the address of an NTP server",
                          *word);
            return NULL;
        }
        g_ptr_array_add (found, address);
    }
    if (found->len > SERVERS_MAX) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "more than %d NTP servers", SERVERS_MAX);
        return NULL;
    }
    return found->len > 0 ? (char **)g_ptr_array_steal (found, NULL) : g_new0 (char *, 1);
}

/* Names of files below the folder of zones, without ways out of it. */
static bool
is_zone_name (const char *name)
{
    return *name != '\0' && *name != '/' && strstr (name, "..") == NULL
           && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "+-_/") == strlen (name);
}

/* The last line of a TZif file of version 2 or later (RFC 8536, 3.3): between two line feeds, the rule for all times to come.
 * NULL if there is no such zone; caller frees. */
static char *
load_posix_zone (const char *name)
{
    g_autofree char *path = g_build_filename (ZONE_FOLDER, name, NULL);
    gsize len = 0;
    g_autofree char *bytes
        = is_zone_name (name) ? kn_file_read (path, ZONE_FILE_MAX, &len, NULL) : NULL;
    gsize start;

    if (bytes == NULL || len < 6 || memcmp (bytes, "TZif", 4) != 0 || bytes[len - 1] != '\n')
        return NULL;
    for (start = len - 1; start > 0 && bytes[start - 1] != '\n'; start--)
        ;
    return start > 0 && start < len - 1 ? g_strndup (bytes + start, len - 1 - start) : NULL;
}

static bool
bad_tag (GError **error, const char *tag, const char *why)
{
    kn_error_public_type (error, KN_ERROR_BAD_REQUEST, "HTTPBadRequest", "Tag '%s': %s", tag, why);
    return false;
}

bool
kn_time_service_check_tag (const char *tag, bool on_network, char *const *servers, GError **error)
{
    g_autofree char *value = NULL;

    if (!g_str_has_prefix (tag, OURS))
        return true;
    if (!on_network)
        return bad_tag (error, tag, "tags that begin with '" OURS "' stand on networks only.");
    if (strcmp (tag, NTP) == 0)
        return *servers != NULL
                   ? true
                   : bad_tag (error, tag,
                              "this cloud has no NTP servers. Name one, " NTP_IS
                              "ADDRESS, or ask for the option [network] ntp_servers to be set.");
    if (g_str_has_prefix (tag, NTP_IS))
        return kn_format_ip (tag + strlen (NTP_IS), &value)
                   ? true
                   : bad_tag (error, tag, "an IP address is expected behind '='.");
    if (g_str_has_prefix (tag, ZONE_IS)) {
        value = load_posix_zone (tag + strlen (ZONE_IS));
        return value != NULL ? true
                             : bad_tag (error, tag,
                                        "a zone of tzdata is expected behind '=', such as "
                                        "Asia/Shanghai.");
    }
    return bad_tag (error, tag, "there are " NTP ", " NTP_IS "ADDRESS and " ZONE_IS "AREA/CITY.");
}

static void
add_server (GPtrArray *found, const char *address)
{
    if (found->len < SERVERS_MAX
        && !g_ptr_array_find_with_equal_func (found, address, g_str_equal, NULL))
        g_ptr_array_add (found, g_strdup (address));
}

void
kn_time_service_read (KnTimeService *service, char *const *tags, char *const *servers)
{
    g_autoptr (GPtrArray) found = g_ptr_array_new_null_terminated (4, g_free, TRUE);

    *service = (KnTimeService){ 0 };
    for (; tags != NULL && *tags != NULL; tags++) {
        g_autofree char *address = NULL;

        if (strcmp (*tags, NTP) == 0)
            for (char *const *server = servers; *server != NULL; server++)
                add_server (found, *server);
        if (g_str_has_prefix (*tags, NTP_IS) && kn_format_ip (*tags + strlen (NTP_IS), &address))
            add_server (found, address);
        if (g_str_has_prefix (*tags, ZONE_IS) && service->zone == NULL) {
            service->posix_zone = load_posix_zone (*tags + strlen (ZONE_IS));
            service->zone
                = service->posix_zone != NULL ? g_strdup (*tags + strlen (ZONE_IS)) : NULL;
        }
    }
    if (found->len > 0)
        service->ntp = (char **)g_ptr_array_steal (found, NULL);
}

void
kn_time_service_clear (KnTimeService *service)
{
    g_clear_pointer (&service->ntp, g_strfreev);
    g_clear_pointer (&service->zone, g_free);
    g_clear_pointer (&service->posix_zone, g_free);
}
