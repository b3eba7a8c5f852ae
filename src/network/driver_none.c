/* SPDX-License-Identifier: Apache-2.0 */
/* The driver of tests that need no wires: ports are rows only. */
#include "network/driver.h"

#include "network/object.h"

static KnNetDriver *
open_driver (const KnNetDriverOptions *options, GError **error)
{
    KnNetDriver *driver = g_new0 (KnNetDriver, 1);

    driver->ops = &kn_net_driver_none;
    return driver;
}

static void
close_driver (KnNetDriver *driver)
{
    g_free (driver);
}

static char *
bridge (KnNetDriver *driver, const char *network_id)
{
    return NULL;
}

static bool
exists (KnNetDriver *driver, const char *network_id)
{
    return false;
}

static bool
wire (KnNetDriver *driver, const KnWirePlan *plan, KnSilence *silence, GError **error)
{
    return true;
}

static bool
remove_network (KnNetDriver *driver, const char *network_id, GError **error)
{
    return true;
}

static bool
confirm_tap (KnNetDriver *driver, const char *network_id, const char *tap, KnSilence *silence,
             GError **error)
{
    return true;
}

static GPtrArray *
list (KnNetDriver *driver, GError **error)
{
    return g_ptr_array_new_with_free_func (g_free);
}

const KnNetDriverOps kn_net_driver_none = {
    .name = "none",
    .vif_type = "other",
    .open = open_driver,
    .close = close_driver,
    .bridge = bridge,
    .exists = exists,
    .ensure = wire,
    .remove = remove_network,
    .check = wire,
    .confirm_tap = confirm_tap,
    .list = list,
};
