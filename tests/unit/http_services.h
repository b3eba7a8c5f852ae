/* SPDX-License-Identifier: Apache-2.0 */
/* Services for tests of the HTTP server: routes of every kind, and a stage on which handlers can be watched. */
#pragma once

#include "http/server.h"

typedef struct {
    GMutex lock;
    GCond changed;
    guint waiting;    /* handlers inside hold() */
    bool released;    /* they may go on */
    guint64 received; /* bytes that the sink saw */
    guint aborted, finished;
    guint64 fail_at; /* the sink fails after so many bytes, 0: never */
    guint fd_open;
} Stage;

extern Stage stage;

#define N_SERVICES 2
#define N_COMPUTE_ROUTES 20
extern const KnService *const services[N_SERVICES];
extern const KnRoute compute_routes[N_COMPUTE_ROUTES];

/* A server on a free port. Tokens are "<number of KnRole>", with a 'd' behind for a domain's. */
KnHttp *start (guint workers, guint queue);
