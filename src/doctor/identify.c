/* SPDX-License-Identifier: Apache-2.0 */
/* What runs in a guest: what somebody declared, what the agent says, libosinfo's metadata of virt-manager and virt-install,
 * what the definition was made for, and at last what people called it. The ids are osinfo-db's ("http://microsoft.com/win/2k19"). */
#include <string.h>

#include "doctor/subject.h"
#include "guest/os.h"

#define OSINFO "metadata/libosinfo/os/@id"
#define WINDOWS_ID "microsoft.com/win/"

/* What people write into names, as whole words with the version in them: a "windows-updates" is no Windows. */
static const struct {
    const char *word, *version;
} name_words[] = {
    { "win7", "7" },     { "windows7", "7" },     { "win10", "10" },     { "windows10", "10" },
    { "win11", "11" },   { "windows11", "11" },   { "win8", "8" },       { "win81", "8.1" },
    { "w2k8", "2008" },  { "w2k8r2", "2008r2" },  { "win2k8", "2008" },  { "win2008", "2008" },
    { "w2k12", "2012" }, { "w2k12r2", "2012r2" }, { "win2012", "2012" }, { "win2012r2", "2012r2" },
    { "w2k16", "2016" }, { "win2016", "2016" },   { "win2k16", "2016" }, { "ws2016", "2016" },
    { "w2k19", "2019" }, { "win2019", "2019" },   { "win2k19", "2019" }, { "ws2019", "2019" },
    { "w2k22", "2022" }, { "win2022", "2022" },   { "win2k22", "2022" }, { "ws2022", "2022" },
    { "w2k25", "2025" }, { "win2025", "2025" },   { "win2k25", "2025" }, { "ws2025", "2025" },
};

static const char *
property (const KnSubject *subject, const char *name)
{
    const KnSubjectRecord *record = subject->record;

    return record && record->image_properties ? g_hash_table_lookup (record->image_properties, name)
                                              : NULL;
}

/* A declared os_type in any case, or the distribution where there is none. */
static bool
by_record (KnSubject *subject, KnSubjectOs *os)
{
    const KnSubjectRecord *record = subject->record;
    const char *type = record ? record->os_type : NULL, *distro = property (subject, "os_distro");

    if (!record)
        return false;
    os->version = property (subject, "os_version");
    os->edition = property (subject, "os_edition");
    os->confidence = KN_CONFIDENCE_HIGH;
    os->source = type && *type ? "instances.os_type" : "image os_distro";
    os->evidence = type && *type ? type : distro;
    if (!os->evidence)
        return false;
    const KnOsFamily *family = kn_os_find_family (os->evidence);
    if (family)
        os->family
            = strcmp (family->name, "windows") == 0 ? KN_SUBJECT_OS_WINDOWS : KN_SUBJECT_OS_LINUX;
    return family != NULL;
}

static bool
by_inspection (KnSubject *subject, KnSubjectOs *os)
{
    const char *type = subject->record ? subject->record->inspected_os_type : NULL;

    if (!type)
        return false;
    os->family = strcmp (type, "windows") == 0 ? KN_SUBJECT_OS_WINDOWS : KN_SUBJECT_OS_LINUX;
    os->version = property (subject, "os_version");
    os->edition = property (subject, "os_edition");
    os->source = "inspection of the disk";
    os->evidence = type;
    os->confidence = KN_CONFIDENCE_HIGH;
    return true;
}

static bool
by_agent (KnSubject *subject, KnSubjectOs *os)
{
    if (!subject->measured.os_id)
        return false;
    bool windows = strcmp (subject->measured.os_id, "mswindows") == 0;

    os->family = windows ? KN_SUBJECT_OS_WINDOWS : KN_SUBJECT_OS_LINUX;
    os->version = subject->measured.os_version ? subject->measured.os_version
                                               : property (subject, "os_version");
    os->edition = property (subject, "os_edition");
    os->source = "guest agent";
    os->evidence = subject->measured.os_id;
    os->confidence = KN_CONFIDENCE_HIGH;
    return true;
}

/* osinfo-db has some fifty distributions of Linux and these others. */
static bool
is_linux_id (const char *id)
{
    static const char *const others[]
        = { "bsd.org/",      "apple.com/",         "solaris",     "microsoft.com/",
            "haiku-os.org/", "novell.com/netware", "freedos.org/" };

    for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
        if (strstr (id, others[i]))
            return false;
    return true;
}

static bool
by_osinfo (KnSubject *subject, KnSubjectOs *os)
{
    const char *id = kn_definition_get (kn_subject_definition (subject), OSINFO);

    if (!id)
        return false;
    os->source = OSINFO;
    os->evidence = id;
    os->confidence = KN_CONFIDENCE_HIGH;
    const char *windows = strstr (id, WINDOWS_ID);
    if (windows) {
        const KnOs *row = kn_os_find (windows + strlen (WINDOWS_ID));

        os->family = KN_SUBJECT_OS_WINDOWS;
        os->version = row ? row->name : NULL;
        return true;
    }
    if (strstr (id, "unknown"))
        return false;
    os->family = is_linux_id (id) ? KN_SUBJECT_OS_LINUX : KN_SUBJECT_OS_OTHER;
    return true;
}

/* Nothing but Windows is given the Hyper-V clock by Nova, oVirt, virt-install and Proxmox. */
static bool
by_definition (KnSubject *subject, KnSubjectOs *os)
{
    const KnDefinition *definition = kn_subject_definition (subject);

    if (!kn_definition_is (definition, "clock/timer[hypervclock]/@present", "yes")
        || !kn_definition_first (definition, "features/hyperv"))
        return false;
    os->family = KN_SUBJECT_OS_WINDOWS;
    os->source = "definition";
    os->evidence = "features/hyperv and clock/timer[hypervclock]";
    os->confidence = KN_CONFIDENCE_MEDIUM;
    return true;
}

static bool
has_word (const char *name, const char *word)
{
    gsize len = strlen (word);

    for (const char *at = name; at && *at; at++) {
        bool starts = at == name || !g_ascii_isalnum (at[-1]);

        if (starts && g_ascii_strncasecmp (at, word, len) == 0 && !g_ascii_isalnum (at[len]))
            return true;
    }
    return false;
}

static bool
by_name (KnSubject *subject, KnSubjectOs *os)
{
    const KnDefinition *definition = kn_subject_definition (subject);
    const char *names[]
        = { subject->title, kn_definition_get (definition, "title"),
            kn_definition_get (definition, "metadata/instance/name"), subject->name };

    for (gsize n = 0; n < G_N_ELEMENTS (names); n++)
        for (gsize i = 0; names[n] && i < G_N_ELEMENTS (name_words); i++) {
            if (!has_word (names[n], name_words[i].word))
                continue;
            *os = (KnSubjectOs){
                KN_SUBJECT_OS_WINDOWS, name_words[i].version, NULL, "name", names[n],
                KN_CONFIDENCE_LOW
            };
            return true;
        }
    return false;
}

void
kn_subject_identify (KnSubject *subject)
{
    static bool (*const ways[]) (KnSubject *, KnSubjectOs *)
        = { by_agent, by_inspection, by_record, by_osinfo, by_definition, by_name };

    for (gsize i = 0; i < G_N_ELEMENTS (ways); i++) {
        subject->os = (KnSubjectOs){ 0 };
        if (ways[i](subject, &subject->os))
            return;
    }
    subject->os = (KnSubjectOs){ 0 };
}
