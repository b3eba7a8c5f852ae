/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the heart. A draft is a plan in the making: the facts, the profile, what was said where, and what the concepts that
 * were decided earlier mean for the later ones. Each concept is one function draft -> decisions; plan.c lists them in order. */
#pragma once

#include "base/error.h"
#include "guest/os.h"
#include "guest/plan.h"
#include "guest/registry.h"

/* Why a setting is what it is: a stable name and one plain sentence. */
typedef struct {
    const char *name, *because;
    bool warning;
} KnRule;

/* What somebody said; text NULL: nobody said it. */
typedef struct {
    const char *text, *source;
} KnSaid;

/* A released profile is never edited; a new rule is a new profile. */
typedef struct {
    const char *name;
    bool like_nova;          /* what Nova 26.2 accepts, refuses and ignores */
    bool timers_under_tcg;   /* pit, rtc, hpet also for virt_type qemu */
    bool hyperv_by_host;     /* flags by what the host and the Windows version know */
    bool windows_one_socket; /* one socket, N cores */
    bool agent_always;       /* unless hw_qemu_guest_agent=no */
    bool clock_policies;     /* os_clock_policy, os_timezone, the guest's own offset */
    bool own_tpm_key;        /* TPM state without a key service */
    bool implied_firmware;   /* os_secure_boot=required brings UEFI and q35 */
    bool beyond_26;          /* properties and defaults that are newer than Nova 26.2 */
    const char *machine;     /* family where nobody said one */
    const char *product, *manufacturer;
} KnGuestProfile;
const KnGuestProfile *kn_guest_profile_find (const char *name);

struct KnGuestPlan {
    GStringChunk *text;
    GArray *decisions;
    GHashTable *identity;
    const char *own_cpus, *own_pages; /* in .text; NULL: none */
};

typedef struct {
    const KnGuestFacts *facts;
    const KnGuestHost *host;
    const KnGuestConfig *config;
    const KnGuestProfile *profile;
    KnGuestPlan *plan;
    /* char* -> KnSaid*: image properties under their current names, beaten by the server's */
    GHashTable *properties;

    /* why the decisions that follow are made */
    const KnRule *rule;
    const char *reason, *source;

    /* decided so far */
    bool host_known, kvm, x86, windows, q35, uefi, emulated, sev;
    KnGuestDrivers virtio;                /* of Windows: found in the disk or declared */
    bool input_on_usb;                    /* tablet or keyboard */
    const char *arch, *machine, *os_kind; /* os_kind: "hvm" */
    struct KnSlots *slots;
    struct KnNumaTopology *numa; /* what the guest sees, NULL: nothing special */
} KnDraft;

typedef bool (*KnConcept) (KnDraft *draft, GError **error);

/* ---- asking (ask.c) ---- */

KnDraft *kn_draft_new (const KnGuestFacts *facts, KnGuestPlan *plan, GError **error);
void kn_draft_free (KnDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnDraft, kn_draft_free)

KnSaid kn_property (const KnDraft *draft, const char *name);
KnSaid kn_spec (const KnDraft *draft, const char *name);
/* One of both by the row's rule of who wins. Errors: the row's conflict. */
bool kn_pick (KnDraft *draft, const char *name, KnSaid *out_said, GError **error);
/* The same for a property newer than Nova 26.2: nothing in nova-26, and the row has to allow what was said. Errors: also
 * api/InvalidRequest. */
bool kn_pick_later (KnDraft *draft, const char *name, KnSaid *out_said, GError **error);
bool kn_true (KnSaid said);
bool kn_is (KnSaid said, const char *value);
/* Whether the host's libvirt and QEMU are at least of these versions (4.7.0 is 4007000); an unknown one is. */
bool kn_host_has (const KnDraft *draft, guint64 libvirt, guint64 qemu);
/* The same for what somebody asked for. Errors: driver/UnsupportedHardware, which names both versions. */
bool kn_require_host (const KnDraft *draft, KnSaid said, guint64 libvirt, guint64 qemu,
                      GError **error);
/* Whether disks get a thread of their own. Before QEMU 9.0 not: a job on such a disk (snapshot, migration) that meets the guest's
 * reset of it ends QEMU ("qemu_mutex_unlock_impl: Operation not permitted", measured with 7.2). */
bool kn_host_has_iothreads (const KnDraft *draft);
/* Reads a whole number as Nova does; 0 where nothing was said or it is no number (check.c refuses that first). */
/* @value in the spelling of the property @name. */
const char *kn_heard (const KnDraft *draft, const char *name, const char *value);
gint64 kn_number (KnSaid said);
bool kn_demand_number (KnSaid said, gint64 *out_value, GError **error);
/* Whether the flavor sets the limit @said: in our own profiles 0 is none, and libvirt takes no 0 for some of them. */
bool kn_is_limit (const KnDraft *draft, KnSaid said);
/* Python's int() of a text: white space around and a sign are fine. */
bool kn_read_int (const char *text, gint64 *out_value);
/* Sets a public error of Nova's stage and class: "api/FlavorImageConflict". kn_error_type() gives it back. */
void kn_guest_fail (GError **error, const char *stage_and_class, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* ---- deciding (plan.c); strings are copied into the plan ---- */

KnGuestPlan *kn_guest_plan_new_empty (void);
char *kn_keep (KnDraft *draft, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Why the decisions that follow are made; @source NULL: the profile. */
void kn_because (KnDraft *draft, const KnRule *rule, const char *source);
void kn_because_of (KnDraft *draft, const KnRule *rule, const char *source, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
const char *kn_by_profile (KnDraft *draft);
void kn_decide (KnDraft *draft, const char *path, const char *value);
void kn_decide_in (KnDraft *draft, const char *element, const char *path, const char *value);
void kn_decide_number (KnDraft *draft, const char *path, gint64 value);
void kn_leave_out (KnDraft *draft, const char *path);

/* ---- what is frozen at first start (identity.c) ---- */

/* Gives the frozen value of @key, else freezes @value. */
const char *kn_freeze (KnDraft *draft, const char *key, const char *value);
const char *kn_frozen (const KnDraft *draft, const char *key);
/* Whether @key was frozen as something else than the rules would make of it now. */
bool kn_is_held (const KnDraft *draft, const char *key, const char *wish);

/* ---- the concepts, in the order in which they run ---- */

bool kn_choose_machine (KnDraft *draft, GError **error);    /* firmware.c */
bool kn_choose_numa (KnDraft *draft, GError **error);       /* numa.c */
bool kn_hear_rescue_image (KnDraft *draft, GError **error); /* ask.c */
bool kn_choose_slots (KnDraft *draft, GError **error);      /* slots.c */
bool kn_decide_names (KnDraft *draft, GError **error);      /* names.c */
bool kn_decide_memory (KnDraft *draft, GError **error);     /* memory.c */
bool kn_decide_vcpus (KnDraft *draft, GError **error);      /* vcpus.c */
bool kn_decide_metadata (KnDraft *draft, GError **error);   /* names.c */
bool kn_decide_cpu (KnDraft *draft, GError **error);        /* cpu.c */
bool kn_decide_firmware (KnDraft *draft, GError **error);   /* firmware.c */
bool kn_decide_features (KnDraft *draft, GError **error);   /* features.c */
bool kn_decide_clock (KnDraft *draft, GError **error);      /* clock.c */
bool kn_decide_disks (KnDraft *draft, GError **error);      /* disks.c */
bool kn_decide_nics (KnDraft *draft, GError **error);       /* nics.c */
bool kn_decide_devices (KnDraft *draft, GError **error);    /* devices.c */
bool kn_decide_usb (KnDraft *draft, GError **error);        /* usb.c */
bool kn_decide_addresses (KnDraft *draft, GError **error);  /* addresses.c */

/* ---- hints (hints.c, specs.c) ---- */

/* The known name that @name is one or two letters away from, NULL: none. @member: offset of .name or .spec in the registry's
 * rows. */
const char *kn_find_near (const char *name, gsize member);

/* ---- what concepts tell each other ---- */

/* The one spelling of an architecture ("amd64" is x86_64), NULL: no architecture. Static. */
const char *kn_architecture_canonical (const char *name);
const char *kn_default_machine (const KnDraft *draft);
const char *kn_board_arch (const KnDraft *draft);
bool kn_wants_windows_firmware (const KnDraft *draft);
bool kn_wants_realtime (const KnDraft *draft);
/* Whether the guest is to have no USB at all (usb.c). */
bool kn_declines_usb (KnDraft *draft);
void kn_decide_timers (KnDraft *draft); /* timers.c */
void kn_decide_hyperv (KnDraft *draft, KnSaid hidden);
bool kn_decide_pages (KnDraft *draft, GError **error);

/* Where each disk sits (slots.c). */
typedef struct {
    const KnGuestDisk *disk;
    const char *device, *bus; /* "disk", "virtio" */
    char dev[8];              /* "vda" */
    bool boots;
} KnSlot;

#define KN_MAX_SLOTS 64
struct KnSlots {
    const char *disk_bus, *cdrom_bus;
    bool disk_bus_held, cdrom_bus_held;
    KnSlot slots[KN_MAX_SLOTS];
    gsize n;
};
const char *kn_root_device (const KnDraft *draft); /* "vda", NULL: no root disk */
/* A rescue image that names a device or a bus is attached last and booted from; any other takes the first place. */
bool kn_is_stable_rescue (const KnDraft *draft);
void kn_decide_boot_order (KnDraft *draft, const KnRule *rule);
bool kn_has_disk_on (const KnDraft *draft, const char *bus);

typedef struct {
    gint64 sockets, cores, threads;
} KnTopology;
bool kn_topology_choose (KnDraft *draft, KnTopology *out_topology, KnSaid *out_said,
                         GError **error);

/* The row of the guest's Windows (os.c); NULL: no Windows, or its version is not known. */
const KnOs *kn_draft_os (const KnDraft *draft);
/* The edition as somebody said it, NULL: nobody did. */
const char *kn_draft_edition (const KnDraft *draft);

/* ---- what check.c asks before a host is chosen ---- */

bool kn_encryption_check (KnDraft *draft, bool *out_wanted, GError **error); /* memory.c */
bool kn_serial_check (KnDraft *draft, GError **error);                       /* devices.c */
bool kn_realtime_check (KnDraft *draft, GError **error);                     /* numa.c */
bool kn_topology_check (KnDraft *draft, GError **error);                     /* topology.c */
bool kn_numa_check (KnDraft *draft, GError **error);                         /* numa.c */
bool kn_nic_model_check (KnDraft *draft, GError **error);                    /* nics.c */
