/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: ordered decisions for one guest, each with its reason; and the XML that follows from it. */
#pragma once

#include "guest/facts.h"

typedef struct KnGuestPlan KnGuestPlan;

/* One decision. Borrowed from the plan. */
typedef struct {
    const char *path;  /* "clock/@offset" below <domain> */
    const char *value; /* "localtime"; NULL: left out on purpose */
    const char *rule;  /* short stable name of the rule: "clock.windows-localtime" */
    /* where it came from: "instances.os_type", "image os_timezone", "profile kilonova-1", "host" */
    const char *source;
    const char *reason; /* one sentence for people */
    bool warning;       /* worth an operator's look */
} KnGuestDecision;

/* Plans the guest. Errors (public): BAD_REQUEST naming property, value and what is allowed; kn_error_type() gives Nova's stage
 * and class: "api/FlavorImageConflict". */
KnGuestPlan *kn_guest_plan_new (const KnGuestFacts *facts, GError **error);
void kn_guest_plan_free (KnGuestPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnGuestPlan, kn_guest_plan_free)

/* Checks what can be known before a host is chosen: every property and extra spec, conflicts between them. The API calls it
 * at create and rebuild. @facts needs only what was asked for; with the host that was chosen, what that host lacks is found too. Errors (public): BAD_REQUEST. */
bool kn_guest_check (const KnGuestFacts *facts, GError **error);

/* Whether the server gets a config drive: by the user's word, the image's or the cloud's. */
bool kn_guest_wants_config_drive (const KnGuestFacts *facts);

gsize kn_guest_plan_count (const KnGuestPlan *plan);
const KnGuestDecision *kn_guest_plan_decision (const KnGuestPlan *plan, gsize index);
/* The first with that path, NULL: none. */
const KnGuestDecision *kn_guest_plan_find (const KnGuestPlan *plan, const char *path);

/* Host CPUs that are this guest's alone ("1,4-5") and its large pages ("CELL:SIZE_KIB:COUNT,…"): what the next guest on that
 * host must not get. NULL: none. Borrowed. */
const char *kn_guest_plan_own_cpus (const KnGuestPlan *plan);
const char *kn_guest_plan_own_pages (const KnGuestPlan *plan);

/* Domain XML; pure. Caller frees. */
char *kn_guest_plan_format_xml (const KnGuestPlan *plan, GError **error);

/* Hardware identity of this plan: machine type, firmware, buses, NIC model, slots … as char* -> char*, to be stored at first
 * start and handed back in KnGuestFacts.identity. New reference. */
GHashTable *kn_guest_plan_identity (const KnGuestPlan *plan);

/* Adds to @identity the PCI addresses that libvirt gave to the devices of @domain_xml (a persistent definition), so that later
 * definitions leave each device in its slot whatever hardware comes and goes. Errors: VIRT: it is no domain XML. */
bool kn_guest_identity_learn (GHashTable *identity, const char *domain_xml, GError **error);

/* Whether @identity is that of a guest that was defined, not only the part that a rebuild preserved. NULL: no. */
bool kn_guest_identity_is_whole (GHashTable *identity);

/* The part of @identity that NVRAM and TPM state are bound to: machine, firmware, Secure Boot, TPM. New reference. */
GHashTable *kn_guest_identity_firmware (GHashTable *identity);

/* Whether what @facts say fits to their .identity, the preserved part of an earlier one. Errors (public): BAD_REQUEST. */
bool kn_guest_check_kept (const KnGuestFacts *facts, GError **error);

/* Likely mistakes in image properties: `os_type=Windows`, `image.os_type`, `hw_max_sockets`. Array of KnGuestHint. */
typedef struct {
    char *property, *value, *message, *suggestion;
} KnGuestHint;
GPtrArray *kn_guest_hints (GHashTable *image_properties);
/* Takes @message and @suggestion (may be NULL). */
KnGuestHint *kn_guest_hint_new (const char *property, const char *value, char *message,
                                char *suggestion);
void kn_guest_hint_free (KnGuestHint *hint);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnGuestHint, kn_guest_hint_free)

/* Whether a flavor may carry the extra spec @name=@value: of prefixes that the guest rules own (hw:, hw_rng:, os:, quota: …)
 * only names and values of the registry; all other keys are free. Errors (public): BAD_REQUEST with "did you mean". */
bool kn_guest_check_spec (const char *name, const char *value, GError **error);

/* What is wrong or doubtful with one extra spec, NULL: nothing. */
KnGuestHint *kn_guest_spec_hint (const char *name, const char *value);

/* Whether @name is a property that the guest rules know, may be set on a server, and @value is allowed. Errors (public): BAD_REQUEST with "did you mean". */
bool kn_guest_check_property (const char *name, const char *value, GError **error);
