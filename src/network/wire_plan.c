/* SPDX-License-Identifier: Apache-2.0 */
/* The plan that drivers get. */
#include "network/driver.h"

#define ID_DIGITS 13

char *
kn_bridge_name (const char *network_id)
{
    g_autoptr (GString) name = g_string_new ("kn");

    for (const char *c = network_id; *c != '\0' && name->len < ID_DIGITS + 2; c++)
        if (*c != '-')
            g_string_append_c (name, *c);
    return g_string_free (g_steal_pointer (&name), FALSE);
}

static void
subnet_free (gpointer data)
{
    KnWireSubnet *subnet = data;

    g_free (subnet->id);
    g_free (subnet->cidr);
    g_free (subnet->gateway);
    g_free (subnet->dhcp_address);
    g_free (subnet->address_mode);
    g_strfreev (subnet->dns);
    if (subnet->routes != NULL)
        g_ptr_array_unref (subnet->routes);
    g_free (subnet);
}

static void
host_free (gpointer data)
{
    KnWireHost *host = data;

    g_free (host->port_id);
    g_free (host->mac);
    g_free (host->address);
    g_free (host);
}

KnWirePlan *
kn_wire_plan_new (void)
{
    KnWirePlan *plan = g_new0 (KnWirePlan, 1);

    plan->subnets = g_ptr_array_new_with_free_func (subnet_free);
    plan->hosts = g_ptr_array_new_with_free_func (host_free);
    return plan;
}

void
kn_wire_plan_free (KnWirePlan *plan)
{
    if (plan == NULL)
        return;
    g_free (plan->network_id);
    g_free (plan->network_name);
    g_free (plan->dhcp_mac);
    kn_time_service_clear (&plan->time);
    g_ptr_array_unref (plan->subnets);
    g_ptr_array_unref (plan->hosts);
    g_free (plan);
}
