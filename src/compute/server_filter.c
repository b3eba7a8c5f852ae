/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and sort keys of the servers' list. */
#include "compute/server_filter.h"

#include <string.h>

#include "base/util.h"

typedef enum { TEXT, NUMBER, FLAG } MemberKind;

/* A query parameter that has to be equal to a member of the record. */
typedef struct {
    const char *name;
    MemberKind kind;
    gsize offset;
    bool admin_only;
} Filter;

struct KnServerSortKey {
    const char *name;
    MemberKind kind;
    gsize offset;
};

static const Filter filters[] = {
    { "image", TEXT, offsetof (KnServer, image_ref), false },
    { "image_ref", TEXT, offsetof (KnServer, image_ref), true },
    { "flavor", TEXT, offsetof (KnServer, flavor_id), false },
    { "reservation_id", TEXT, offsetof (KnServer, reservation_id), false },
    { "host", TEXT, offsetof (KnServer, host), true },
    { "node", TEXT, offsetof (KnServer, node), true },
    { "uuid", TEXT, offsetof (KnServer, uuid), true },
    { "user_id", TEXT, offsetof (KnServer, user_id), true },
    { "vm_state", TEXT, offsetof (KnServer, vm_state), true },
    { "task_state", TEXT, offsetof (KnServer, task_state), true },
    { "hostname", TEXT, offsetof (KnServer, hostname), true },
    { "key_name", TEXT, offsetof (KnServer, key_name), true },
    { "availability_zone", TEXT, offsetof (KnServer, zone), true },
    { "config_drive", TEXT, offsetof (KnServer, config_drive), true },
    { "os_type", TEXT, offsetof (KnServer, os_type), true },
    { "access_ip_v4", TEXT, offsetof (KnServer, access_ip_v4), true },
    { "access_ip_v6", TEXT, offsetof (KnServer, access_ip_v6), true },
    { "power_state", NUMBER, offsetof (KnServer, power_state), true },
    { "launch_index", NUMBER, offsetof (KnServer, launch_index), true },
    { "progress", NUMBER, offsetof (KnServer, progress), true },
    { "locked", FLAG, offsetof (KnServer, locked), true },
};

static const KnServerSortKey sort_keys[] = {
    { "access_ip_v4", TEXT, offsetof (KnServer, access_ip_v4) },
    { "access_ip_v6", TEXT, offsetof (KnServer, access_ip_v6) },
    { "auto_disk_config", FLAG, offsetof (KnServer, auto_disk_config) },
    { "availability_zone", TEXT, offsetof (KnServer, zone) },
    { "config_drive", TEXT, offsetof (KnServer, config_drive) },
    { "created_at", TEXT, offsetof (KnServer, created_at) },
    { "display_description", TEXT, offsetof (KnServer, description) },
    { "display_name", TEXT, offsetof (KnServer, name) },
    { "host", TEXT, offsetof (KnServer, host) },
    { "hostname", TEXT, offsetof (KnServer, hostname) },
    { "image_ref", TEXT, offsetof (KnServer, image_ref) },
    { "instance_type_id", NUMBER, offsetof (KnServer, flavor_row) },
    { "key_name", TEXT, offsetof (KnServer, key_name) },
    { "launch_index", NUMBER, offsetof (KnServer, launch_index) },
    { "launched_at", TEXT, offsetof (KnServer, launched_at) },
    { "locked", FLAG, offsetof (KnServer, locked) },
    { "node", TEXT, offsetof (KnServer, node) },
    { "os_type", TEXT, offsetof (KnServer, os_type) },
    { "power_state", NUMBER, offsetof (KnServer, power_state) },
    { "progress", NUMBER, offsetof (KnServer, progress) },
    { "project_id", TEXT, offsetof (KnServer, project_id) },
    { "root_device_name", TEXT, offsetof (KnServer, root_device) },
    { "task_state", TEXT, offsetof (KnServer, task_state) },
    { "terminated_at", TEXT, offsetof (KnServer, terminated_at) },
    { "updated_at", TEXT, offsetof (KnServer, updated_at) },
    { "user_id", TEXT, offsetof (KnServer, user_id) },
    { "uuid", TEXT, offsetof (KnServer, uuid) },
    { "vm_state", TEXT, offsetof (KnServer, vm_state) },
};

static const char *
member_text (const KnServer *server, gsize offset)
{
    const char *text = *(const char *const *)G_STRUCT_MEMBER_P (server, offset);

    return text != NULL ? text : "";
}

static gint64
member_number (const KnServer *server, MemberKind kind, gsize offset)
{
    if (kind == FLAG)
        return *(const bool *)G_STRUCT_MEMBER_P (server, offset);
    return *(const gint64 *)G_STRUCT_MEMBER_P (server, offset);
}

static bool
equals (const KnServer *server, const Filter *filter, const char *value)
{
    gint64 number;
    bool flag;

    switch (filter->kind) {
    case TEXT:
        return strcmp (member_text (server, filter->offset), value) == 0;
    case NUMBER:
        return kn_parse_int (value, G_MININT64, G_MAXINT64, &number)
               && number == member_number (server, NUMBER, filter->offset);
    case FLAG:
        return kn_parse_bool (value, &flag) && flag == member_number (server, FLAG, filter->offset);
    }
    return false;
}

static const Filter *
filter_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (filters); i++)
        if (strcmp (filters[i].name, name) == 0)
            return &filters[i];

    return NULL;
}

/* One parameter after the other against one server; several `status` are alternatives. */
typedef struct {
    bool admin;
    const KnServer *server;
    bool matches, status_asked, status_matches;
} Match;

static bool
match_parameter (const char *name, const char *value, gpointer data)
{
    Match *match = data;
    const Filter *filter;

    if (strcmp (name, "status") == 0) {
        match->status_asked = true;
        match->status_matches |= g_ascii_strcasecmp (value, kn_server_status (match->server)) == 0;
        return true;
    }
    filter = filter_find (name);
    if (filter != NULL && (match->admin || !filter->admin_only))
        match->matches = equals (match->server, filter, value);

    return match->matches;
}

bool
kn_server_filter_matches (const KnRequest *req, const KnServer *server)
{
    Match match = { .admin = kn_request_is_admin (req), .server = server, .matches = true };

    kn_request_each_query (req, match_parameter, &match);

    return match.matches && (!match.status_asked || match.status_matches);
}

const KnServerSortKey *
kn_server_sort_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (sort_keys); i++)
        if (strcmp (sort_keys[i].name, name) == 0)
            return &sort_keys[i];

    return NULL;
}

int
kn_server_sort_compare (const KnServerSortKey *key, const KnServer *a, const KnServer *b)
{
    gint64 left, right;

    if (key->kind == TEXT)
        return strcmp (member_text (a, key->offset), member_text (b, key->offset));
    left = member_number (a, key->kind, key->offset);
    right = member_number (b, key->kind, key->offset);

    return (left > right) - (left < right);
}
