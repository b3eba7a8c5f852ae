/* SPDX-License-Identifier: Apache-2.0 */
/* Where subjects come from. Sources do the I/O: worker threads and commands only. */
#pragma once

#include "doctor/subject.h"
#include "virt/survey.h"

/* Adds the host behind @survey and all its guests to @fleet; a subject that a source of records has made already (same uuid, no
 * definition yet) is completed. @name: the host's name, NULL: what libvirt says. */
bool kn_fleet_add_survey (KnFleet *fleet, KnSurvey *survey, const char *uri, const char *name,
                          GError **error);

/* Parts of it, for sources that choose the guests themselves. The host, without guests; and what is seen of one guest. */
KnSubjectHost *kn_fleet_add_host (KnFleet *fleet, const KnSurvey *survey, const char *uri,
                                  const char *name);
void kn_subject_take_domain (KnSubject *subject, KnSubjectHost *host, const KnSurveyDomain *domain);
/* A new subject of the fleet. */
KnSubject *kn_fleet_add_subject (KnFleet *fleet, const char *uuid);

/* The same for one of its guests. */
void kn_fleet_add_domain (KnFleet *fleet, KnSurvey *survey, const char *uri, const char *name,
                          const KnSurveyDomain *domain);

/* What a source knows better than what a pool shows. */
typedef struct {
    const char *const *dirs; /* folders that others than guests write to; NULL-terminated */
    /* What a volume is, and whose (*@out_owner, for the caller to free). */
    KnVolumeKind (*judge) (const KnSurveyPool *pool, const KnSurveyVolume *volume, gpointer data,
                           char **out_owner);
    gpointer data;
} KnStorageView;

/* Adds the storage that the disks of @host's guests, already in @fleet, are on, and the volumes of its pools. @view NULL: nobody
 * knows better. Nothing where libvirt's storage driver is missing or does not answer in time. */
void kn_fleet_add_storage (KnFleet *fleet, KnSurvey *survey, const KnSubjectHost *host,
                           const KnStorageView *view);
/* The same for what was @seen of a host; @local: it is this machine, whose file systems are asked. */
void kn_fleet_take_storage (KnFleet *fleet, const KnSubjectHost *host, const KnSurveyStorage *seen,
                            bool local, const KnStorageView *view);
/* Adds the file system of @path on this machine, @host, which more is written to; @name if it has none yet. */
void kn_fleet_add_folder (KnFleet *fleet, const char *host, const char *name, const char *path);

/* To be called once all sources are in: finds out what runs in each guest. */
void kn_fleet_identify (KnFleet *fleet);
