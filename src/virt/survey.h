/* SPDX-License-Identifier: Apache-2.0 */
/* A look at all domains of a host, whosever they are. Unlike domain.h this does not stop at our cloud's mark; nothing is
 * changed by looking. Every call may wait: worker threads and commands only. */
#pragma once

#include "virt/virt.h"

typedef struct KnSurvey KnSurvey;

typedef enum { KN_SURVEY_READ, KN_SURVEY_CHANGE } KnSurveyMode;

/* Connects to @uri; READ uses libvirt's read-only access where there is one. Errors: UNAVAILABLE. */
KnSurvey *kn_survey_open (const char *uri, KnSurveyMode mode, GError **error);
/* The same through the present connection of one of our hosts. Errors: UNAVAILABLE. */
KnSurvey *kn_survey_of (KnVirtHost *host, GError **error);
void kn_survey_close (KnSurvey *survey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSurvey, kn_survey_close)

/* What the host can do; valid as long as @survey. */
const KnVirtFacts *kn_survey_facts (const KnSurvey *survey);
/* libvirt's test driver: what it measures is invented. */
bool kn_survey_invents (const KnSurvey *survey);
/* The host is this machine, as its address says. */
bool kn_survey_is_local (const KnSurvey *survey);

typedef struct {
    char *uuid, *name;
    char *persistent, *live; /* XML; NULL: none (live: it does not run) */

    /* filled in by kn_survey_measure() */
    bool measured;
    GArray *vcpu_time_ns; /* of gint64; NULL: not measured */
    gint64
        balloon_update; /* seconds since 1970 of the last statistics, 0: none came yet; -1: not measured */
} KnSurveyDomain;
void kn_survey_domain_free (gpointer domain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSurveyDomain, kn_survey_domain_free)

/* Opened for CHANGE, definitions hold the passwords of displays, so that they can be given back whole. */

/* All domains, of KnSurveyDomain; g_ptr_array_unref. One that vanishes meanwhile is left out. */
GPtrArray *kn_survey_list (KnSurvey *survey, GError **error);
/* Measures those of @domains (of KnSurveyDomain) that run, all at once. A guest whose QEMU hangs holds up the answer: false after
 * @timeout_ms, and then nothing is filled in. */
bool kn_survey_measure (KnSurvey *survey, GPtrArray *domains, guint timeout_ms);
/* One domain. Errors: NOT_FOUND. */
KnSurveyDomain *kn_survey_load (KnSurvey *survey, const char *uuid, GError **error);

/* Redefines the persistent definition. Errors: libvirt's reason. */
bool kn_survey_define (KnSurvey *survey, const char *xml, GError **error);
/* Whether the domain runs. */
bool kn_survey_load_running (KnSurvey *survey, const char *uuid, bool *out_running, GError **error);
/* Powers a domain off, if it runs, and on with its persistent definition: asks the guest for @grace_s seconds first. */
bool kn_survey_restart (KnSurvey *survey, const char *uuid, guint grace_s, GError **error);

/* ---- storage: survey_storage.c ---- */

typedef struct {
    char *name, *path, *format;
    char *backing; /* path of the file that it stands on; NULL: none */
    guint64 capacity_bytes, allocation_bytes;
    gint64 changed_s; /* when it was last written, seconds since 1970; 0: not known */
} KnSurveyVolume;

/* A pool that is active. */
typedef struct {
    char *name, *type;                       /* "dir", "rbd" */
    char *dir;                               /* its folder; NULL: it has none */
    guint64 capacity_bytes, available_bytes; /* of what is below it, when libvirt last looked */
    GPtrArray *volumes;                      /* of KnSurveyVolume, those that are still there */
} KnSurveyPool;

/* What a guest's disk takes of its storage. */
typedef struct {
    char *path;
    guint64 capacity_bytes, allocation_bytes;
} KnSurveyBlock;

typedef struct {
    GPtrArray *pools; /* of KnSurveyPool */
    GPtrArray
        *blocks; /* of KnSurveyBlock: disks of all guests that are files or devices of the host */
} KnSurveyStorage;
/* Empty, to be filled. */
KnSurveyStorage *kn_survey_storage_new (void);
KnSurveyPool *kn_survey_storage_add_pool (KnSurveyStorage *storage);
KnSurveyVolume *kn_survey_pool_add_volume (KnSurveyPool *pool);
void kn_survey_storage_free (KnSurveyStorage *storage);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSurveyStorage, kn_survey_storage_free)

/* Looks at pools, volumes and disks without reading any folder again. A file server that is dead holds up the answer: NULL after
 * @timeout_ms, or when the host has no storage driver. */
KnSurveyStorage *kn_survey_load_storage (KnSurvey *survey, guint timeout_ms);
