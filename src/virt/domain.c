/* SPDX-License-Identifier: Apache-2.0 */
/* Definitions of domains: made, changed, listed and removed, and none but ours. */
#include "virt/domain.h"

#include <string.h>

#include "base/id.h"
#include "virt/virt_priv.h"

/* libvirt finds the element by its namespace and hands it out without. */
#define MARK_PATH "/*[local-name()='cloud']/@id"

void
kn_domain_call_clear (KnDomainCall *call)
{
    g_clear_pointer (&call->domain, virDomainFree);
    g_clear_pointer (&call->conn, virConnectClose);
}

/* Whether the domain carries our cloud's mark. */
static bool
load_is_ours (KnVirtHost *host, virConnectPtr conn, virDomainPtr domain, bool *out_ours,
              GError **error)
{
    char *text = virDomainGetMetadata (domain, VIR_DOMAIN_METADATA_ELEMENT, KN_VIRT_MARK_URI,
                                       VIR_DOMAIN_AFFECT_CURRENT);

    if (!text) {
        int number = kn_virt_last_number ();

        /* No mark, or gone since it was looked up. */
        if (number != VIR_ERR_NO_DOMAIN_METADATA && number != VIR_ERR_NO_DOMAIN)
            return kn_virt_fail (host, conn, error);
        virResetLastError ();
        *out_ours = false;
        return true;
    }
    g_autoptr (KnXmlView) view = kn_xml_view_new (text, NULL);
    g_autofree char *id = view ? kn_xml_view_dup (view, MARK_PATH) : NULL;

    free (text);
    *out_ours = g_strcmp0 (id, host->cloud_id) == 0;
    return true;
}

/* The domain @uuid, whosever it is; *@out_domain NULL: there is none. */
static bool
look_up (KnVirtHost *host, virConnectPtr conn, const char *uuid, virDomainPtr *out_domain,
         GError **error)
{
    virDomainPtr domain = virDomainLookupByUUIDString (conn, uuid);

    if (!domain) {
        if (kn_virt_last_number () != VIR_ERR_NO_DOMAIN)
            return kn_virt_fail (host, conn, error);
        virResetLastError ();
    }
    *out_domain = domain;
    return true;
}

static bool
find_ours (KnDomainCall *call, const char *uuid, GError **error)
{
    KnVirtHost *host = call->host;
    g_autoptr (virDomain) domain = NULL;
    bool ours = false;

    if (!look_up (host, call->conn, uuid, &domain, error))
        return false;
    if (!domain)
        return true;
    if (!load_is_ours (host, call->conn, domain, &ours, error))
        return false;
    if (ours)
        call->domain = g_steal_pointer (&domain);
    return true;
}

bool
kn_domain_call_open_any (KnDomainCall *call, KnVirtHost *host, const char *uuid, GError **error)
{
    call->host = host;
    call->conn = kn_virt_host_connection (host, error);
    return call->conn && find_ours (call, uuid, error);
}

bool
kn_domain_call_open_on (KnDomainCall *call, KnVirtHost *host, virConnectPtr conn, const char *uuid,
                        GError **error)
{
    call->host = host;
    call->conn = conn;
    if (!find_ours (call, uuid, error))
        return false;
    if (call->domain)
        return true;
    kn_error_public (error, KN_ERROR_NOT_FOUND, "Host '%s' has no domain of the server %s.",
                     host->name, uuid);
    return false;
}

bool
kn_domain_call_open (KnDomainCall *call, KnVirtHost *host, const char *uuid, GError **error)
{
    virConnectPtr conn = kn_virt_host_connection (host, error);

    return conn && kn_domain_call_open_on (call, host, conn, uuid, error);
}

/* The one who holds @name is named, since libvirt's own sentence is about uuids only. */
static bool
fail_if_name_taken (KnVirtHost *host, virConnectPtr conn, const char *name, const char *uuid,
                    GError **error)
{
    g_autoptr (virDomain) holder = virDomainLookupByName (conn, name);
    char holder_uuid[VIR_UUID_STRING_BUFLEN];

    virResetLastError ();
    if (!holder || virDomainGetUUIDString (holder, holder_uuid) < 0
        || g_ascii_strcasecmp (holder_uuid, uuid) == 0)
        return false;
    kn_error_public (error, KN_ERROR_CONFLICT,
                     "Host '%s' has another domain of the name '%s' (uuid %s) already.", host->name,
                     name, holder_uuid);
    return true;
}

/* Reads who the XML is for; one without our mark is our own mistake. */
static bool
parse_identity (const char *xml, const char *cloud_id, char **out_uuid, char **out_name,
                GError **error)
{
    g_autoptr (KnXmlView) view = kn_xml_view_new (xml, error);

    if (!view)
        return false;
    g_autofree char *uuid = kn_xml_view_dup (view, "/domain/uuid");
    g_autofree char *name = kn_xml_view_dup (view, "/domain/name");
    g_autofree char *mark = kn_xml_view_dup (view, "/domain/metadata/kilonova:cloud/@id");

    if (!uuid || !kn_id_is_uuid (uuid) || !name || !*name || g_strcmp0 (mark, cloud_id) != 0) {
        kn_error_set (error, KN_ERROR_INTERNAL, "domain XML lacks uuid, name or our cloud's mark");
        return false;
    }
    *out_uuid = g_steal_pointer (&uuid);
    *out_name = g_steal_pointer (&name);
    return true;
}

bool
kn_domain_define (KnVirtHost *host, const char *xml, GError **error)
{
    g_autofree char *uuid = NULL, *name = NULL;
    g_autoptr (virDomain) old = NULL;
    bool ours = true;

    if (!parse_identity (xml, host->cloud_id, &uuid, &name, error))
        return false;
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);
    if (!conn || !look_up (host, conn, uuid, &old, error)
        || (old && !load_is_ours (host, conn, old, &ours, error)))
        return false;
    if (!ours) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "The domain '%s' (uuid %s) on host '%s' does not belong to this cloud.",
                         virDomainGetName (old), uuid, host->name);
        return false;
    }

    g_autofree char *adapted = kn_virt_is_test (conn) ? kn_virt_test_adapt (xml, error) : NULL;
    if (kn_virt_is_test (conn) && !adapted)
        return false;
    g_autoptr (virDomain) domain = virDomainDefineXMLFlags (conn, adapted ? adapted : xml, 0);
    if (domain)
        return true;
    /* Ask libvirt for its reason before the next call overwrites it. */
    g_autoptr (GError) reason = NULL;
    (void)kn_virt_fail (host, conn, &reason);
    if (kn_error_is_transient (reason) || !fail_if_name_taken (host, conn, name, uuid, error))
        g_propagate_error (error, g_steal_pointer (&reason));
    return false;
}

char *
kn_domain_load_xml (KnVirtHost *host, const char *uuid, bool live, GError **error)
{
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open (&call, host, uuid, error))
        return NULL;
    char *text = virDomainGetXMLDesc (call.domain, live ? 0 : VIR_DOMAIN_XML_INACTIVE);

    if (!text)
        (void)kn_virt_fail (host, call.conn, error);
    return text;
}

bool
kn_domain_undefine (KnVirtHost *host, const char *uuid, KnUndefine what, GError **error)
{
    static const unsigned int flags[] = {
        [KN_UNDEFINE_KEEP_STATE] = VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM,
        [KN_UNDEFINE_ALL] = VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_TPM,
    };
    const unsigned int records = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                                 | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
                                 | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
    g_auto (KnDomainCall) call = { 0 };

    if (!kn_domain_call_open_any (&call, host, uuid, error))
        return false;
    if (!call.domain)
        return true;
    /* The test driver knows neither NVRAM nor TPM nor checkpoints. */
    bool test = kn_virt_is_test (call.conn);
    int result = virDomainUndefineFlags (call.domain, test ? VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
                                                           : flags[what] | records);

    if (result == 0 || kn_virt_last_number () == VIR_ERR_NO_DOMAIN) {
        virResetLastError ();
        return true;
    }
    return kn_virt_fail (host, call.conn, error);
}

static void
free_domains (virDomainPtr *domains)
{
    for (gsize i = 0; domains && domains[i]; i++)
        (void)virDomainFree (domains[i]);
    free (domains);
}

char **
kn_domain_list (KnVirtHost *host, GError **error)
{
    g_autoptr (virConnect) conn = kn_virt_host_connection (host, error);
    g_autoptr (GStrvBuilder) uuids = g_strv_builder_new ();
    virDomainPtr *domains = NULL;
    bool done = true;

    if (!conn)
        return NULL;
    if (virConnectListAllDomains (conn, &domains, 0) < 0) {
        (void)kn_virt_fail (host, conn, error);
        return NULL;
    }
    for (gsize i = 0; done && domains[i]; i++) {
        char uuid[VIR_UUID_STRING_BUFLEN];
        bool ours = false;

        done = load_is_ours (host, conn, domains[i], &ours, error);
        if (ours && !kn_disk_copy_is_reader (virDomainGetName (domains[i]))
            && virDomainGetUUIDString (domains[i], uuid) == 0)
            g_strv_builder_add (uuids, uuid);
    }
    free_domains (domains);
    return done ? g_strv_builder_end (uuids) : NULL;
}
