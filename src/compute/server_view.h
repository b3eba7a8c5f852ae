/* SPDX-License-Identifier: Apache-2.0 */
/* A server as JSON: one writer for show, list, update and rebuild. */
#pragma once

#include "compute/history_store.h"
#include "compute/server.h"
#include "http/request.h"
#include "network/network.h"

typedef enum {
    KN_VIEW_BRIEF, /* id, name, links */
    KN_VIEW_BASIC, /* what update and rebuild answer */
    KN_VIEW_FULL   /* what show and the detailed list answer */
} KnServerViewKind;

/* What stands around the record. Borrowed. */
typedef struct {
    KnServerViewKind kind;
    const char *base_url; /* of the service */
    bool admin;
    GPtrArray *ports;     /* of KnPort; NULL: none */
    GHashTable *metadata; /* NULL: none */
    const KnServerFault *fault;
    const char *host_id;
    const char *admin_pass; /* rebuild answers it; NULL: leave out */
} KnServerContext;

/* Writes the server as an object (a value). */
void kn_server_write (KnJw *w, const KnServer *server, const KnServerContext *context);

/* "addresses" as an object member; @with_types adds the OS-EXT-* keys. */
void kn_server_write_addresses (KnJw *w, const char *key, const GPtrArray *ports, bool with_types);

/* One network's addresses as an array member named after it. */
void kn_server_write_network (KnJw *w, const GPtrArray *ports, guint first, bool with_types);

/* "links" with self and bookmark of server @id. */
void kn_server_write_links (KnJw *w, const char *base_url, const char *id);

/* "security_groups" from the ports, each name once; left out if there is none. */
void kn_server_write_groups (KnJw *w, const GPtrArray *ports);

/* A string table as an object member, in the order of its keys; NULL counts as empty. */
void kn_json_write_table (KnJw *w, const char *key, GHashTable *values);
