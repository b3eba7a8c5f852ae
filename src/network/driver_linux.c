/* SPDX-License-Identifier: Apache-2.0 */
/* Driver "linux": for each network one bridge on the host and one namespace with a DHCP server, joined by a pair of interfaces. */
#include "network/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/util.h"
#include "network/dnsmasq.h"
#include "network/netlink.h"
#include "network/netns.h"

#define LOCKS 16
#define MARK "kilonova"
#define NETNS_PREFIX "kn-"

/* What is known of a network while we run. */
typedef struct {
    gint64 seen_us; /* when all of it was last seen in order; 0: never */
    bool told;      /* dnsmasq has taken what its files say */
} KnNetState;

typedef struct {
    KnNetDriver base;
    char *cloud_id, *state_dir;
    guint timeout_ms;
    GMutex locks[LOCKS]; /* one at a time for each network */
    GMutex states_lock;
    GHashTable *states; /* network id: KnNetState */
} KnLinuxDriver;

/* The names of everything that a network has on the host. */
typedef struct {
    char *bridge, *veth, *netns, *mark, *dir, *intent;
} KnNames;

static void
names_init (KnNames *names, const KnLinuxDriver *driver, const char *network_id)
{
    names->bridge = kn_bridge_name (network_id);
    names->veth = g_strdup (names->bridge);
    names->veth[1] = 'v';
    names->netns = g_strconcat (NETNS_PREFIX, network_id, NULL);
    names->mark = g_strdup_printf (MARK " %s %s", driver->cloud_id, network_id);
    names->dir = g_build_filename (driver->state_dir, network_id, NULL);
    names->intent = g_build_filename (names->dir, "making-bridge", NULL);
}

static void
names_clear (KnNames *names)
{
    g_free (names->bridge);
    g_free (names->veth);
    g_free (names->netns);
    g_free (names->mark);
    g_free (names->dir);
    g_free (names->intent);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnNames, names_clear)

static GMutex *
lock_of (KnLinuxDriver *driver, const char *network_id)
{
    return &driver->locks[g_str_hash (network_id) % LOCKS];
}

static KnNetState
get_state (KnLinuxDriver *driver, const char *network_id)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->states_lock);
    const KnNetState *state = g_hash_table_lookup (driver->states, network_id);

    return state != NULL ? *state : (KnNetState){ 0 };
}

static void
set_state (KnLinuxDriver *driver, const char *network_id, const KnNetState *state)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&driver->states_lock);

    if (state == NULL)
        g_hash_table_remove (driver->states, network_id);
    else
        g_hash_table_insert (driver->states, g_strdup (network_id),
                             g_memdup2 (state, sizeof *state));
}

/* Notes who was silent: "bridge kn0123456789abc", "dnsmasq". */
static void
set_silent (KnSilence *silence, gint64 since_us, const char *part, const char *name)
{
    g_snprintf (silence->part, sizeof silence->part, "%s%s%s", part, *name != '\0' ? " " : "",
                name);
    silence->silent_us = since_us > 0 ? g_get_monotonic_time () - since_us : 0;
}

/* ---- open and close ---- */

static KnNetDriver *
open_driver (const KnNetDriverOptions *options, GError **error)
{
    KnLinuxDriver *driver = g_new0 (KnLinuxDriver, 1);

    driver->base.ops = &kn_net_driver_linux;
    driver->cloud_id = g_strdup (options->cloud_id);
    driver->state_dir = g_canonicalize_filename (options->state_dir, NULL);
    driver->timeout_ms = options->wire_timeout_ms;
    for (gsize i = 0; i < LOCKS; i++)
        g_mutex_init (&driver->locks[i]);
    g_mutex_init (&driver->states_lock);
    driver->states = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    return &driver->base;
}

static void
close_driver (KnNetDriver *base)
{
    KnLinuxDriver *driver = (KnLinuxDriver *)base;

    for (gsize i = 0; i < LOCKS; i++)
        g_mutex_clear (&driver->locks[i]);
    g_mutex_clear (&driver->states_lock);
    g_hash_table_unref (driver->states);
    g_free (driver->cloud_id);
    g_free (driver->state_dir);
    g_free (driver);
}

static char *
bridge (KnNetDriver *base, const char *network_id)
{
    return kn_bridge_name (network_id);
}

static bool
exists (KnNetDriver *base, const char *network_id)
{
    g_auto (KnNames) names;

    names_init (&names, (KnLinuxDriver *)base, network_id);
    return g_file_test (names.dir, G_FILE_TEST_IS_DIR);
}

/* ---- bridge ---- */

static bool
is_bridge (const KnLink *link)
{
    return g_strcmp0 (link->kind, "bridge") == 0;
}

/* A kill between making the bridge and marking it leaves one without mark; the intent says that it is ours. */
static bool
is_ours (const KnNames *names, const KnLink *link)
{
    if (g_strcmp0 (link->alias, names->mark) == 0)
        return true;
    return is_bridge (link) && link->alias == NULL && access (names->intent, F_OK) == 0;
}

static bool
make_bridge (KnNetlink *nl, const KnNames *names, KnLink **out_link, GError **error)
{
    kn_autofd intent = open (names->intent, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (intent < 0) {
        kn_error_set_errno (error, errno, "cannot write '%s'", names->intent);
        return false;
    }
    return kn_netlink_add_bridge (nl, names->bridge, error)
           && kn_fault ("network.bridge.made", error)
           && kn_netlink_find (nl, names->bridge, out_link, error);
}

static bool
ensure_bridge (KnNetlink *nl, const KnNames *names, guint mtu, int *out_index, GError **error)
{
    g_autoptr (KnLink) link = NULL;

    if (!kn_netlink_find (nl, names->bridge, &link, error))
        return false;
    if (link != NULL && !is_ours (names, link)) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "the interface %s exists on the host and belongs to somebody else",
                         names->bridge);
        return false;
    }
    if (link == NULL && !make_bridge (nl, names, &link, error))
        return false;
    if (link == NULL) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "bridge '%s' went away", names->bridge);
        return false;
    }
    if ((!link->up || link->mtu != mtu || g_strcmp0 (link->alias, names->mark) != 0)
        && !kn_netlink_change (
            nl, link->index,
            &(KnLinkChange){ .alias = names->mark, .mtu = mtu, .no_autoconf = true, .up = true },
            error))
        return false;
    (void)unlink (names->intent);
    *out_index = link->index;
    return true;
}

/* ---- namespace and the pair of interfaces ---- */

/* What the thread inside the namespace gets and gives. */
typedef struct {
    const KnNames *names;
    const KnWirePlan *plan;
    int host_ns; /* of the namespace outside */
    int peer;    /* index of the outer interface as seen from inside; 0: there is none yet */
    bool make;
} KnInside;

/* Best effort: where /proc/sys is read-only, DHCP for IPv4 works all the same. */
static void
set_knob (const char *knob, const char *value)
{
    g_autofree char *path = g_strdup_printf ("/proc/sys/net/ipv6/conf/" KN_DHCP_LINK "/%s", knob);
    kn_autofd fd = open (path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write (fd, value, strlen (value)) < 0)
        return;
}

static GArray *
addresses_of (const KnWirePlan *plan)
{
    GArray *wanted = g_array_new (FALSE, FALSE, sizeof (KnCidr));

    for (guint i = 0; i < plan->subnets->len; i++) {
        const KnWireSubnet *subnet = g_ptr_array_index (plan->subnets, i);
        KnCidr cidr;

        if (subnet->dhcp_address != NULL && kn_cidr_parse (subnet->cidr, &cidr, NULL)
            && kn_ip_parse (subnet->dhcp_address, &cidr.base))
            g_array_append_val (wanted, cidr);
    }
    return wanted;
}

static bool
make_pair (KnNetlink *nl, const KnInside *inside, KnLink **link, GError **error)
{
    g_clear_pointer (link, kn_link_free);
    return kn_netlink_add_veth (nl, KN_DHCP_LINK, inside->plan->dhcp_mac, inside->names->veth,
                                inside->host_ns, error)
           && kn_netlink_find (nl, KN_DHCP_LINK, link, error);
}

static bool
set_up_inside (gpointer data, GError **error)
{
    KnInside *inside = data;
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (GArray) wanted = addresses_of (inside->plan);
    g_autoptr (KnLink) link = NULL;

    if (nl == NULL || !kn_netlink_find (nl, KN_DHCP_LINK, &link, error))
        return false;
    if (inside->make && link != NULL && !kn_netlink_remove (nl, link->index, error))
        return false;
    if (inside->make && !make_pair (nl, inside, &link, error))
        return false;
    if (link == NULL)
        return true;

    inside->peer = link->peer;
    set_knob ("accept_ra", "0");
    set_knob ("accept_dad", "0");
    if ((!link->up || strcmp (link->mac, inside->plan->dhcp_mac) != 0
         || link->mtu != inside->plan->mtu)
        && !kn_netlink_change (
            nl, link->index,
            &(KnLinkChange){ .mac = inside->plan->dhcp_mac, .mtu = inside->plan->mtu, .up = true },
            error))
        return false;
    return kn_netlink_set_addresses (nl, link->index, wanted, error);
}

/* The outer half: ours if it is the other end of the inner one. */
static bool
find_outer (KnNetlink *nl, const KnInside *inside, KnLink **out_link, GError **error)
{
    g_autoptr (KnLink) link = NULL;

    if (!kn_netlink_find (nl, inside->names->veth, &link, error))
        return false;
    if (link != NULL && link->index != inside->peer
        && g_strcmp0 (link->alias, inside->names->mark) != 0) {
        kn_error_public (error, KN_ERROR_CONFLICT,
                         "the interface %s exists on the host and belongs to somebody else",
                         inside->names->veth);
        return false;
    }
    if (link != NULL && link->index != inside->peer) {
        /* The other end of a namespace that is gone. */
        if (!kn_netlink_remove (nl, link->index, error))
            return false;
        g_clear_pointer (&link, kn_link_free);
    }
    *out_link = g_steal_pointer (&link);
    return true;
}

static bool
ensure_pair (KnNetlink *nl, const KnNames *names, const KnWirePlan *plan, int bridge_index,
             GError **error)
{
    kn_autofd host_ns = open ("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    KnInside inside = { .names = names, .plan = plan, .host_ns = host_ns };
    g_autoptr (KnLink) outer = NULL;

    if (!kn_netns_run (names->netns, set_up_inside, &inside, error)
        || !find_outer (nl, &inside, &outer, error))
        return false;
    if (outer == NULL) {
        inside.make = true;
        if (!kn_netns_run (names->netns, set_up_inside, &inside, error)
            || !find_outer (nl, &inside, &outer, error))
            return false;
    }
    if (outer == NULL) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "interface '%s' went away", names->veth);
        return false;
    }
    return (outer->up && outer->master == bridge_index && outer->mtu == plan->mtu
            && g_strcmp0 (outer->alias, names->mark) == 0)
           || kn_netlink_change (nl, outer->index,
                                 &(KnLinkChange){ .alias = names->mark,
                                                  .mtu = plan->mtu,
                                                  .master = bridge_index,
                                                  .no_autoconf = true,
                                                  .up = true },
                                 error);
}

static bool
remove_link (KnNetlink *nl, const char *name, const char *mark, GError **error)
{
    g_autoptr (KnLink) link = NULL;

    if (!kn_netlink_find (nl, name, &link, error))
        return false;
    return link == NULL || g_strcmp0 (link->alias, mark) != 0
           || kn_netlink_remove (nl, link->index, error);
}

/* ---- the whole ---- */

static KnDnsmasq
dnsmasq_of (const KnLinuxDriver *driver, const KnNames *names)
{
    return (
        KnDnsmasq){ .dir = names->dir, .netns = names->netns, .timeout_ms = driver->timeout_ms };
}

static bool
ensure_dhcp (KnLinuxDriver *driver, KnNetlink *nl, const KnNames *names, const KnWirePlan *plan,
             int bridge_index, bool told, KnSilence *silence, GError **error)
{
    KnDnsmasq dnsmasq = dnsmasq_of (driver, names);
    gint64 start_us = g_get_monotonic_time ();

    if (plan->dhcp_mac == NULL)
        return kn_dnsmasq_stop (&dnsmasq, error)
               && remove_link (nl, names->veth, names->mark, error);
    if (!ensure_pair (nl, names, plan, bridge_index, error)
        || !kn_fault ("network.pair.made", error)) {
        set_silent (silence, start_us, "DHCP interface", names->veth);
        return false;
    }
    return kn_dnsmasq_ensure (&dnsmasq, plan, told, silence, error);
}

static bool
ensure_parts (KnLinuxDriver *driver, const KnNames *names, const KnWirePlan *plan, bool told,
              KnSilence *silence, GError **error)
{
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    gint64 start_us = g_get_monotonic_time ();
    int bridge_index = 0;

    if (nl == NULL)
        return false;
    if (g_mkdir_with_parents (names->dir, 0755) != 0) {
        kn_error_set_errno (error, errno, "cannot make '%s'", names->dir);
        return false;
    }
    if (!ensure_bridge (nl, names, plan->mtu, &bridge_index, error)) {
        set_silent (silence, start_us, "bridge", names->bridge);
        return false;
    }
    if (!kn_netns_ensure (names->netns, names->mark, error)
        || !kn_fault ("network.netns.made", error)) {
        set_silent (silence, start_us, "DHCP namespace", names->netns);
        return false;
    }
    return ensure_dhcp (driver, nl, names, plan, bridge_index, told, silence, error);
}

static bool
ensure (KnNetDriver *base, const KnWirePlan *plan, KnSilence *silence, GError **error)
{
    KnLinuxDriver *driver = (KnLinuxDriver *)base;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (lock_of (driver, plan->network_id));
    KnNetState state = get_state (driver, plan->network_id);
    g_auto (KnNames) names;
    bool ok;

    names_init (&names, driver, plan->network_id);
    ok = ensure_parts (driver, &names, plan, state.told, silence, error);
    state.told = ok;
    if (ok)
        state.seen_us = g_get_monotonic_time ();
    set_state (driver, plan->network_id, &state);
    return ok;
}

/* Removes the files of a network; nothing of others is ever put there. */
static bool
remove_dir (const char *path, GError **error)
{
    g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
        g_autofree char *file = g_build_filename (path, name, NULL);

        (void)unlink (file);
    }
    if (rmdir (path) == 0 || errno == ENOENT)
        return true;
    kn_error_set_errno (error, errno, "cannot remove '%s'", path);
    return false;
}

/* A bridge that was made but not marked, and everything with our mark, whatever somebody has named it. */
static bool
remove_links (KnNetlink *nl, const KnNames *names, GError **error)
{
    g_autoptr (GPtrArray) links = kn_netlink_list (nl, error);

    if (links == NULL)
        return false;
    for (guint i = 0; i < links->len; i++) {
        const KnLink *link = g_ptr_array_index (links, i);
        bool named = strcmp (link->name, names->bridge) == 0;

        if ((g_strcmp0 (link->alias, names->mark) == 0 || (named && is_ours (names, link)))
            && !kn_netlink_remove (nl, link->index, error))
            return false;
    }
    return true;
}

static bool
remove_network (KnNetDriver *base, const char *network_id, GError **error)
{
    KnLinuxDriver *driver = (KnLinuxDriver *)base;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (lock_of (driver, network_id));
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_auto (KnNames) names;

    names_init (&names, driver, network_id);
    KnDnsmasq dnsmasq = dnsmasq_of (driver, &names);
    set_state (driver, network_id, NULL);
    /* The folder goes last: as long as it stands, a next start comes back to the rest. */
    return nl != NULL && kn_dnsmasq_stop (&dnsmasq, error)
           && remove_link (nl, names.veth, names.mark, error)
           && kn_netns_remove (names.netns, names.mark, error)
           && kn_fault ("network.remove.bridge", error) && remove_links (nl, &names, error)
           && remove_dir (names.dir, error);
}

static bool
check (KnNetDriver *base, const KnWirePlan *plan, KnSilence *silence, GError **error)
{
    KnLinuxDriver *driver = (KnLinuxDriver *)base;
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (lock_of (driver, plan->network_id));
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (KnLink) link = NULL;
    g_auto (KnNames) names;
    gint64 seen_us = get_state (driver, plan->network_id).seen_us;

    names_init (&names, driver, plan->network_id);
    KnDnsmasq dnsmasq = dnsmasq_of (driver, &names);
    if (nl == NULL || !kn_netlink_find (nl, names.bridge, &link, error))
        return false;
    if (link == NULL || !is_bridge (link) || !link->up)
        set_silent (silence, seen_us, "bridge", names.bridge);
    else if (!kn_netns_is_marked (names.netns, names.mark))
        set_silent (silence, seen_us, "DHCP namespace", names.netns);
    else if (plan->dhcp_mac != NULL && !kn_dnsmasq_is_running (&dnsmasq, plan))
        set_silent (silence, seen_us, "dnsmasq", "");
    else
        return true;
    kn_error_set (error, KN_ERROR_UNAVAILABLE, "%s is not there", silence->part);
    return false;
}

/* ---- taps ---- */

typedef struct {
    const char *tap, *bridge;
    char silent[64]; /* the part that is still waited for */
    GError *error;
} KnTapWait;

static bool
tap_is_ready (KnNetlink *nl, gpointer data)
{
    KnTapWait *wait = data;
    g_autoptr (KnLink) tap = NULL, owner = NULL;

    if (!kn_netlink_find (nl, wait->bridge, &owner, &wait->error)
        || !kn_netlink_find (nl, wait->tap, &tap, &wait->error))
        return true;
    if (owner == NULL || !owner->up) {
        g_snprintf (wait->silent, sizeof wait->silent, "bridge %s", wait->bridge);
        return false;
    }
    g_snprintf (wait->silent, sizeof wait->silent, "tap %s%s", wait->tap,
                tap == NULL                   ? ", which does not exist"
                : tap->master != owner->index ? ", which is not in its bridge"
                : !tap->up                    ? ", which is down"
                : !tap->carrier               ? ", which nobody holds"
                                              : "");
    return tap != NULL && tap->master == owner->index && tap->up && tap->carrier;
}

static bool
confirm_tap (KnNetDriver *base, const char *network_id, const char *tap, KnSilence *silence,
             GError **error)
{
    KnLinuxDriver *driver = (KnLinuxDriver *)base;
    g_autofree char *bridge_name = kn_bridge_name (network_id);
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    KnTapWait wait = { .tap = tap, .bridge = bridge_name };
    gint64 start_us = g_get_monotonic_time ();
    bool done;

    if (nl == NULL)
        return false;
    done = kn_netlink_wait (nl, tap_is_ready, &wait, start_us + (gint64)driver->timeout_ms * 1000,
                            &wait.error);
    if (wait.error != NULL) {
        g_propagate_error (error, wait.error);
        return false;
    }
    if (done)
        return true;
    set_silent (silence, start_us, wait.silent, "");
    kn_error_set (error, KN_ERROR_TIMEOUT, "no sign of %s", wait.silent);
    return false;
}

/* ---- what stands there ---- */

static void
add_id (GPtrArray *ids, const char *id)
{
    if (kn_id_is_uuid (id) && !g_ptr_array_find_with_equal_func (ids, id, g_str_equal, NULL))
        g_ptr_array_add (ids, g_strdup (id));
}

static bool
list_links (const KnLinuxDriver *driver, GPtrArray *ids, GError **error)
{
    g_autofree char *prefix = g_strdup_printf (MARK " %s ", driver->cloud_id);
    g_autoptr (KnNetlink) nl = kn_netlink_open (error);
    g_autoptr (GPtrArray) links = nl != NULL ? kn_netlink_list (nl, error) : NULL;

    if (links == NULL)
        return false;
    for (guint i = 0; i < links->len; i++) {
        const KnLink *link = g_ptr_array_index (links, i);

        if (link->alias != NULL && g_str_has_prefix (link->alias, prefix))
            add_id (ids, link->alias + strlen (prefix));
    }
    return true;
}

static void
list_namespaces (const KnLinuxDriver *driver, GPtrArray *ids)
{
    g_autoptr (GPtrArray) names = kn_netns_list (NETNS_PREFIX);

    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index (names, i);
        const char *id = name + strlen (NETNS_PREFIX);
        g_autofree char *mark = g_strdup_printf (MARK " %s %s", driver->cloud_id, id);

        if (kn_netns_is_marked (name, mark))
            add_id (ids, id);
    }
}

static GPtrArray *
list (KnNetDriver *base, GError **error)
{
    const KnLinuxDriver *driver = (const KnLinuxDriver *)base;
    g_autoptr (GPtrArray) ids = g_ptr_array_new_with_free_func (g_free);
    g_autoptr (GDir) dir = g_dir_open (driver->state_dir, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
        add_id (ids, name);
    list_namespaces (driver, ids);
    return list_links (driver, ids, error) ? g_steal_pointer (&ids) : NULL;
}

const KnNetDriverOps kn_net_driver_linux = {
    .name = "linux",
    .vif_type = "bridge",
    .open = open_driver,
    .close = close_driver,
    .bridge = bridge,
    .exists = exists,
    .ensure = ensure,
    .remove = remove_network,
    .check = check,
    .confirm_tap = confirm_tap,
    .list = list,
};
