/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules ask about Windows, and what guests were declared to be. */
#include <string.h>

#include "base/util.h"
#include "doctor/rules_priv.h"
#include "guest/os.h"

/* Client versions of an unknown edition: the usual ones use two sockets, none more than four (data/os/editions.ini). */
#define CLIENT_SOCKETS 2

KnWindowsWants
kn_windows_wants (const char *version, const char *edition)
{
    const KnOs *os = kn_os_find (version);

    if (!os)
        return (KnWindowsWants){ 0 };
    return (KnWindowsWants){
        .known = true,
        .no_hyperv = os->hyperv == '\0',
        .old = os->hyperv <= 'A',
        .needs_uefi = os->secure_boot == KN_OS_REQUIRED,
        .needs_tpm = os->tpm == KN_OS_REQUIRED,
        .max_sockets = kn_os_max_sockets (os, edition),
        .sure_sockets = os->server ? 0 : CLIENT_SOCKETS,
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
