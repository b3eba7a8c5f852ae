/* SPDX-License-Identifier: Apache-2.0 */
/* Everything known about one server, gathered as KnGuestFacts. */
#pragma once

#include "compute/compute_priv.h"
#include "compute/server_store.h"
#include "guest/plan.h"
#include "image/image.h"

/* Facts and what they borrow from. */
typedef struct {
    KnGuestFacts facts;
    GHashTable *image_properties, *extra_specs, *server_properties, *identity;
    GPtrArray *ports;
    GArray *nics, *disks;
    GPtrArray *texts; /* strings made for the facts */
} KnServerFacts;

void kn_server_facts_clear (KnServerFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnServerFacts, kn_server_facts_clear)

/* Reads everything afresh from the database, so that what operators change by hand counts, and from @host. */
bool kn_server_facts_load (KnCompute *compute, KnDb *db, const KnServer *server, KnVirtHost *host,
                           KnServerFacts *out_facts, GError **error);

/* What the guest rules have to know of @host; borrowed from it. Errors: UNAVAILABLE (the host is away). */
bool kn_guest_host_load (KnVirtHost *host, KnGuestHost *out_host, GError **error);

/* The part of it that no host is needed for: what was asked for, and the clock. @out_facts borrows @server. */
bool kn_server_facts_load_said (KnCompute *compute, KnDb *db, const KnServer *server,
                                KnServerFacts *out_facts, GError **error);

/* System metadata that a server takes over from its image: image_* keys. New reference. */
GHashTable *kn_server_image_metadata (const KnImage *image, gint64 root_gib);

/* What users may say about the guest in the server's own metadata; the rest of it is not for the guest rules. New reference. */
GHashTable *kn_server_properties (GHashTable *user_metadata);

/* The flavor's extra specs as they were at create. New reference. */
GHashTable *kn_server_extra_specs (const KnServer *server, GError **error);

/* The hardware identity that was frozen at the first start; *@out_identity is a new reference, NULL before that start. */
bool kn_server_load_identity (KnDb *db, const char *id, GHashTable **out_identity, GError **error);

/* Names of a server's volumes in the instances pool. Caller frees. */
char *kn_server_disk_name (const KnServer *server);
char *kn_server_ephemeral_name (const KnServer *server);
char *kn_server_swap_name (const KnServer *server);
char *kn_server_config_name (const KnServer *server);
char *kn_server_console_name (const KnServer *server);
char *kn_server_snapshot_name (const KnServer *server);
/* UEFI's variables. */
char *kn_server_nvram_name (const KnServer *server);
