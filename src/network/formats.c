/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of attribute values. */
#include "network/formats.h"

#include <string.h>

#include "base/id.h"
#include "network/ip.h"

bool
kn_format_uuid (const char *text, char **out_text)
{
    if (!kn_id_is_uuid (text))
        return false;
    *out_text = g_ascii_strdown (text, -1);
    return true;
}

bool
kn_format_project (const char *text, char **out_text)
{
    if (*text == '\0' || strlen (text) > 64)
        return false;
    *out_text = g_strdup (text);
    return true;
}

bool
kn_format_mac (const char *text, char **out_text)
{
    char buffer[KN_MAC_TEXT_MAX];

    if (!kn_mac_parse (text, buffer))
        return false;
    *out_text = g_strdup (buffer);
    return true;
}

bool
kn_format_ip (const char *text, char **out_text)
{
    char buffer[KN_IP_TEXT_MAX];
    KnIp ip;

    if (!kn_ip_parse (text, &ip))
        return false;
    *out_text = g_strdup (kn_ip_format (ip, buffer));
    return true;
}

bool
kn_format_cidr (const char *text, char **out_text)
{
    char buffer[KN_IP_TEXT_MAX];
    KnCidr cidr;
    bool exact;

    if (!kn_cidr_parse (text, &cidr, &exact) || !exact)
        return false;
    *out_text = g_strdup (kn_cidr_format (&cidr, buffer));
    return true;
}

bool
kn_format_prefix (const char *text, char **out_text)
{
    char buffer[KN_IP_TEXT_MAX];
    KnCidr cidr;
    KnIp ip;

    if (kn_ip_parse (text, &ip))
        cidr = (KnCidr){ .base = ip, .prefix = ip.version == 4 ? 32 : 128 };
    else if (!kn_cidr_parse (text, &cidr, NULL))
        return false;
    *out_text = g_strdup (kn_cidr_format (&cidr, buffer));
    return true;
}
