/* SPDX-License-Identifier: Apache-2.0 */
/* Time as a service of a network: which NTP servers and which zone its guests are told of. Nothing is told unless the network has
 * one of our tags:
 *
 *   kilonova:ntp                   the cloud's servers, option [network] ntp_servers
 *   kilonova:ntp=ADDRESS           this one; may stand there several times
 *   kilonova:timezone=AREA/CITY    a zone of tzdata
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char **ntp;       /* addresses of both IP versions, no duplicates; NULL: none */
    char *zone;       /* its name in tzdata, NULL: none */
    char *posix_zone; /* the same for programs without tzdata: "CET-1CEST,M3.5.0,M10.5.0/3" */
} KnTimeService;

/* Addresses in @text, separated by commas or blanks. Errors: BAD_REQUEST naming the word that is none. g_strfreev. */
char **kn_time_service_parse_servers (const char *text, GError **error);

/* Whether @tag may stand on a network (@on_network) or another object of a cloud with @servers. Only tags of ours can fail.
 * Errors (public): BAD_REQUEST. */
bool kn_time_service_check_tag (const char *tag, bool on_network, char *const *servers,
                                GError **error);

/* What @tags (NULL-terminated) ask for. A tag whose zone or server is gone meanwhile is skipped. */
void kn_time_service_read (KnTimeService *service, char *const *tags, char *const *servers);
void kn_time_service_clear (KnTimeService *service);
