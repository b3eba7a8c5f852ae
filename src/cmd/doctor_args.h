/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands doctor and repair are told in the same words: whose guests, which rule, which server. */
#pragma once

#include "cmd/client.h"
#include "doctor/finding.h"
#include "virt/survey.h"

typedef struct {
    GPtrArray *uris; /* char*, borrowed from argv; NULL: none */
    const char *zone, *server;
    const char *nova_db;      /* URL of Nova's cell database; NULL: none */
    const KnDoctorRule *rule; /* NULL: all */
} KnDoctorArgs;
void kn_doctor_args_clear (KnDoctorArgs *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnDoctorArgs, kn_doctor_args_clear)

/* Takes --libvirt, --nova-db, --zone, --rule and --server out of @argv. Errors: BAD_REQUEST. */
bool kn_doctor_args_take (int *argc, char **argv, KnDoctorArgs *out_args, GError **error);
/* Whether it is said whose guests are meant. Errors: BAD_REQUEST. */
bool kn_doctor_args_check (const KnDoctorArgs *args, GError **error);

/* All guests of the hosts. @surveys (char* -> KnSurvey*, owning): takes the connections, opened for change; NULL: they are read
 * only and closed. */
KnFleet *kn_doctor_args_gather (const KnDoctorArgs *args, GHashTable *surveys, GError **error);

/* The audit that a cloud makes of its own servers, as JSON; json_decref. */
json_t *kn_doctor_args_ask (const KnDoctorArgs *args, KnClient *client, GError **error);

/* Keeps the findings about the server that was named, if one was. */
void kn_doctor_args_keep_server (const KnDoctorArgs *args, GPtrArray *findings);
