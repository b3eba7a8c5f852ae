/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked up and checked before a server is made from an image: at create and at rebuild. */
#pragma once

#include "compute/flavor.h"
#include "compute/server_store.h"
#include "image/image.h"
#include "virt/virt.h"

/* The image @id for a new disk of @flavor's size: usable, active, small enough. Errors (public): BAD_REQUEST. */
KnImage *kn_server_load_image (KnDb *db, const char *id, const char *project_id, gint64 memory_mib,
                               gint64 root_gib, GError **error);

/* Whether the guest rules take these properties together. Borrowed; NULL tables are empty. Errors (public): BAD_REQUEST. */
typedef struct {
    const char *name, *profile, *flavor_name;
    gint64 vcpus, memory_mib, root_gib, ephemeral_gib, swap_mib;
    GHashTable *system_metadata, *extra_specs, *user_metadata;
    KnVirtHost *host;     /* that it is to run on; NULL: not chosen yet, or away */
    GHashTable *identity; /* what a rebuild preserves of the hardware identity; NULL: nothing */
} KnServerWish;
bool kn_server_check_guest (const KnServerWish *wish, GError **error);

/* Whether a property may be set on a server, and to @value: kn_guest_check_property(), and a zone must exist. */
bool kn_server_check_property (const char *name, const char *value, GError **error);

/* Whether there is such a time zone; NULL is fine. Errors (public): BAD_REQUEST. */
bool kn_server_check_zone (const char *zone, GError **error);

/* Whether what @user_metadata says about the guest (kn_server_properties()) can be. Errors (public): BAD_REQUEST. */
bool kn_server_check_said (GHashTable *user_metadata, GError **error);

/* The profile that a new server gets: what its metadata, flavor or image says, otherwise @fallback. Borrowed. */
const char *kn_server_choose_profile (GHashTable *user_metadata, GHashTable *extra_specs,
                                      GHashTable *image_properties, const char *fallback);

/* Turns NOT_FOUND of something that a body refers to into BAD_REQUEST, as Nova answers it. Returns false. */
bool kn_server_bad_reference (GError *local, GError **error);
