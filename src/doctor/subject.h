/* SPDX-License-Identifier: Apache-2.0 */
/* A subject is one guest as seen from any source: its definitions, its records, its host, what was measured of it. A fleet is
 * all that one audit looks at. Sources fill them in; rules only read them. What is NULL or not known was not looked at. */
#pragma once

#include "doctor/definition.h"
#include "guest/plan.h"

typedef enum {
    KN_CONFIDENCE_LOW,    /* a hint: a name */
    KN_CONFIDENCE_MEDIUM, /* likely: several signs */
    KN_CONFIDENCE_HIGH,   /* somebody said it, or it was measured */
    KN_CONFIDENCE_N
} KnConfidence;
const char *kn_confidence_name (KnConfidence confidence);

/* A measured figure; .known false: not measured, and .why says why not (static text or NULL). */
typedef struct {
    bool known;
    gint64 value;
    const char *why;
} KnMeasure;

static inline KnMeasure
kn_measured (gint64 value)
{
    return (KnMeasure){ true, value, NULL };
}

static inline KnMeasure
kn_not_measured (const char *why)
{
    return (KnMeasure){ false, 0, why };
}

typedef enum {
    KN_SUBJECT_OS_UNKNOWN,
    KN_SUBJECT_OS_LINUX,
    KN_SUBJECT_OS_WINDOWS,
    KN_SUBJECT_OS_OTHER
} KnSubjectOsFamily;

/* What runs in the guest, and who says so. Strings are borrowed from the subject or static. */
typedef struct {
    KnSubjectOsFamily family;
    const char *version; /* Windows: as in os_version ("10", "2022"); NULL: not known */
    const char *edition; /* "Pro"; NULL: not known */
    const char *source;  /* "instances.os_type", "metadata/libosinfo/os/@id" */
    const char *evidence;
    KnConfidence confidence;
} KnSubjectOs;

/* A host of the fleet. */
typedef struct {
    char *name, *uri;
    char *arch, *cpu_vendor;
    char *zone;                     /* its IANA zone; NULL: not known */
    char **machines, **hyperv;      /* what it knows, NULL: not known */
    char *default_q35, *default_pc; /* concrete types */
    guint64 libvirt_version, qemu_version;
    bool invents; /* libvirt's test driver: what it measures means nothing */
} KnSubjectHost;

/* What a cloud's database has of the guest. */
typedef struct {
    char *os_type, *vm_state, *display_name, *project_id, *image_id;
    char *host; /* where it should be; NULL: not said */
    gint64 vcpus, memory_mib;
    GHashTable *image_properties; /* char* -> char*, without image_ */
    GHashTable *extra_specs;      /* char* -> char*; NULL: not known */
    GHashTable *server_properties;
    char *inspected_os_type; /* what inspection of the disk found; NULL: not inspected */
    char *inspected_by;      /* the file or key that says so; NULL: not known */
    bool deleted;
} KnSubjectRecord;

typedef enum { KN_CHANNEL_NOT_MEASURED, KN_CHANNEL_CONNECTED, KN_CHANNEL_SILENT } KnSubjectAgent;
typedef enum {
    KN_CERTIFICATES_NOT_MEASURED,
    KN_CERTIFICATES_2011,
    KN_CERTIFICATES_2023
} KnSubjectCertificates;

typedef struct {
    KnMeasure skew_s;           /* guest's clock minus true time */
    KnSubjectAgent agent;       /* of the channel */
    KnMeasure uptime_s;         /* how long it has been running */
    GArray *vcpu_time_ns;       /* of gint64, by vCPU; NULL: not measured */
    KnMeasure guest_cpus;       /* that the guest says it uses */
    KnMeasure balloon_update_s; /* age of the last memory statistics; -1: never came */
    KnMeasure memory_unused_kib;
    KnSubjectCertificates certificates;
    char *os_id, *os_version; /* from the agent: "mswindows", "11" */
} KnSubjectMeasures;

typedef struct {
    char *uuid, *name;               /* the domain's name, or the record's */
    char *title;                     /* what people call it; NULL: nothing */
    KnSubjectHost *host;             /* borrowed from the fleet; NULL: none known */
    KnDefinition *persistent, *live; /* NULL: there is none (live: does not run) */
    bool running;
    KnSubjectRecord *record; /* NULL: no record was found */
    KnSubjectMeasures measured;
    char *zone;              /* the guest's own zone, as declared; NULL: nobody said */
    char *clock_policy;      /* "utc", "localtime", …, as declared */
    bool clock_zone_unknown; /* the definition's time zone is not in the host's tzdata */
    KnGuestPlan *plan;       /* what its cloud would give it now; NULL: not planned */
    KnSubjectOs os;          /* filled in by kn_subject_identify() */
} KnSubject;

KnSubject *kn_subject_new (void);
void kn_subject_free (gpointer subject);

/* Finds out what runs in the guest from all that is in @subject, the best source first. Rules rely on it. */
void kn_subject_identify (KnSubject *subject);

/* The definition that the rules judge: the persistent one, or the live one of a guest that has no other. NULL: none. */
const KnDefinition *kn_subject_definition (const KnSubject *subject);
/* Whether it runs by KVM; Hyper-V flags and most timers mean nothing otherwise. */
bool kn_subject_is_kvm (const KnSubject *subject);
bool kn_subject_is_windows (const KnSubject *subject);

/* A file system, pool or Ceph cluster that disks are on. */
typedef struct {
    char *name, *host;
    guint64 space; /* the file system of this machine that it is, KnSpace.id; 0: it is none */
    char *where;   /* how it was looked at: "file system of /srv/guests", "pool 'vms' (rbd)" */
    guint64 capacity_bytes, used_bytes;
    guint64 growth_bytes;   /* by which thin disks on it may still grow */
    guint disks;            /* that guests write to */
    double near_full, full; /* ratios; 0: the usual ones */
    bool grows; /* something that is written to it takes more space: full means trouble */
} KnStorage;
KnStorage *kn_storage_new (const char *name, const char *host);

typedef enum {
    KN_VOLUME_OTHER, /* no guest's disk by its looks, or others may use it: accused of nothing */
    KN_VOLUME_DISK,  /* a disk in a pool of this host alone */
    KN_VOLUME_SERVER_GONE, /* of a server (.owner) that its cloud has no record of */
    KN_VOLUME_IMAGE,       /* an image (.owner: its name) that no server stands on */
    KN_VOLUME_N
} KnVolumeKind;

/* A volume of a pool. */
typedef struct {
    char *path, *host, *backing; /* backing: path, NULL: none */
    char *pool, *name;           /* as disks of type `volume` call it; NULL: they do not */
    char *owner;
    KnVolumeKind kind;
    guint64 allocation_bytes;
    gint64 idle_s; /* for how long nobody has written to it or used it */
} KnVolumeFile;
KnVolumeFile *kn_volume_file_new (KnVolumeKind kind, const char *path, const char *host);

typedef struct {
    GPtrArray *subjects; /* of KnSubject */
    GPtrArray *hosts;    /* of KnSubjectHost */
    GPtrArray *storages; /* of KnStorage; none: not looked at */
    GPtrArray *volumes;  /* of KnVolumeFile; none: not looked at */
    char *zone;          /* of guests that declare none; NULL: nobody said */
    bool has_records;    /* a source of records was read: a domain without one is a finding */
} KnFleet;

KnFleet *kn_fleet_new (void);
void kn_fleet_free (KnFleet *fleet);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnFleet, kn_fleet_free)
/* The host @name, made if there is none. Borrowed. */
KnSubjectHost *kn_fleet_ensure_host (KnFleet *fleet, const char *name);
