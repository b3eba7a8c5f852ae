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

/* Adds the storage that the disks of @host's guests, already in @fleet, are on, and the volumes of its pools. Nothing where
 * libvirt's storage driver is missing or does not answer in time. */
void kn_fleet_add_storage (KnFleet *fleet, KnSurvey *survey, const KnSubjectHost *host);

/* To be called once all sources are in: finds out what runs in each guest. */
void kn_fleet_identify (KnFleet *fleet);
