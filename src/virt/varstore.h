/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI's variable store: which keys Secure Boot trusts. Read, never written; the bytes are a guest's, so nothing in them is
 * believed. The parser is pure. */
#pragma once

#include "virt/virt.h"

/* An X.509 certificate in PK, KEK or db. Text is printable and bounded. */
typedef struct {
    char *subject; /* its common name, otherwise the whole name */
    char *serial;  /* hexadecimal */
    guint year;    /* of Microsoft's generation: 2011, 2023; 0: somebody else's */
} KnVarCertificate;

typedef struct {
    GPtrArray *pk, *kek, *db; /* of KnVarCertificate, never NULL */
    bool
        enforced; /* the firmware checks what it starts: a PK is enrolled and nobody has switched it off */
} KnVarStore;

void kn_varstore_free (KnVarStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnVarStore, kn_varstore_free)

/* Most bytes of a store that are worth reading: OVMF's are 528 KiB, AAVMF's 768 KiB in a file of 64 MiB. */
#define KN_VARSTORE_MAX (1024 * 1024)

/* Reads a variable store as OVMF lays it out (EDK2, authenticated variables in a firmware volume); it may be followed by
 * anything. Errors: BAD_REQUEST that says what is wrong. */
KnVarStore *kn_varstore_parse (const void *bytes, gsize len, GError **error);

/* Which of Microsoft's generations KEK and db hold: "2011", "2023", "2011, 2023"; "other": none of Microsoft's; "none": no
 * certificate at all. Static. */
const char *kn_varstore_summary (const KnVarStore *store);

/* Whether what Microsoft signs from 2026 on will not start: 2011 certificates and no 2023 ones. */
bool kn_varstore_is_only_2011 (const KnVarStore *store);

/* Subjects of @certificates as one text, "; " between them. Caller frees. */
char *kn_varstore_subjects (const GPtrArray *certificates);

/* The store at @path of @host, guest's or firmware package's, by storage pool and stream. A folder that no pool of the host is
 * on gets a transient pool of ours for the moment; nothing else is changed. Errors: NOT_FOUND, BAD_REQUEST: no variable store,
 * UNAVAILABLE. */
KnVarStore *kn_virt_load_varstore (KnVirtHost *host, const char *path, GError **error);

/* The store of our domain @uuid and, while it runs, the one that it was copied from when it was new. *@out_store is NULL where
 * the domain has none (BIOS; libvirt's test driver), *@out_template where it is not known or cannot be read. */
bool kn_domain_load_varstore (KnVirtHost *host, const char *uuid, KnVarStore **out_store,
                              KnVarStore **out_template, GError **error);
