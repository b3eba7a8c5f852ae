/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules ask about Windows, and what guests were declared to be. */
#include <string.h>

#include "base/util.h"
#include "doctor/rules_priv.h"
#include "guest/guest_priv.h"

/* Client versions: the usual editions use two sockets, no edition more than four (osdata of the guest rules). */
#define CLIENT_SOCKETS 2

static bool
is_client (const KnWindows *windows)
{
    static const char *const clients[] = { "vista", "7", "8", "8.1", "10", "11", NULL };

    return g_strv_contains (clients, windows->name);
}

KnWindowsWants
kn_windows_wants (const char *version, const char *edition)
{
    const KnWindows *windows = kn_windows_find (version);

    if (!windows)
        return (KnWindowsWants){ 0 };
    return (KnWindowsWants){
        .known = true,
        .old = windows->generation < KN_WINDOWS_7,
        .needs_uefi = strcmp (windows->name, "11") == 0,
        .wants_uefi = windows->firmware,
        .max_sockets = kn_windows_max_sockets (version, edition),
        .sure_sockets = is_client (windows) ? CLIENT_SOCKETS : 0,
    };
}

bool
kn_subject_declares (const KnSubject *subject, const char *name, const char *value)
{
    const KnSubjectRecord *record = subject->record;
    GHashTable *tables[]
        = { record ? record->server_properties : NULL, record ? record->image_properties : NULL };
    bool wish = false, said = false;

    for (gsize i = 0; i < G_N_ELEMENTS (tables); i++) {
        const char *text = tables[i] ? g_hash_table_lookup (tables[i], name) : NULL;

        if (!text)
            continue;
        if (kn_parse_bool (value, &wish) && kn_parse_bool (text, &said))
            return wish == said;
        return strcmp (text, value) == 0;
    }
    return false;
}
