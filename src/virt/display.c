/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest's screen can be seen. */
#include "virt/domain.h"
#include "virt/virt_priv.h"

#define VNC "/domain/devices/graphics[@type='vnc']"

bool
kn_domain_load_vnc (KnVirtHost *host, const char *uuid, char **out_address, guint *out_port,
                    GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open (&call, host, uuid, error))
        return false;
    char *text = virDomainGetXMLDesc (call.domain, 0);
    if (!text)
        return kn_virt_fail (host, call.conn, error);
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, error);

    free (text);
    if (!view)
        return false;
    gint64 port = kn_xml_view_int (view, VNC "/@port", 0); /* -1: chosen at start */
    char *address = kn_xml_view_dup (view, VNC "/@listen");

    *out_address = address ? address : g_strdup ("");
    *out_port = port > 0 && port <= G_MAXUINT16 ? (guint)port : 0;
    return true;
}
