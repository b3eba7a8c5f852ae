/* SPDX-License-Identifier: Apache-2.0 */
/* A plain HTTP client on a socket, which can also say what no library would. */
#pragma once

#include "http/server.h"

typedef struct {
    int fd;
    GString *in; /* received, not yet read */
} Client;

typedef struct {
    guint status;
    char *head, *body;
} Answer;

/* Reading from it has a deadline of 20 s. */
Client dial (KnHttp *http);
void hang_up (Client *client);
/* Sends all; false if the server has closed meanwhile. */
bool send_bytes (Client *client, const char *bytes, gsize len);
void say (Client *client, const char *text);
/* False: the connection ended. */
bool receive (Client *client);
/* Reads one answer; status 0: the connection ended before it. */
Answer hear (Client *client, bool has_body);
void answer_clear (Answer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answer, answer_clear)
/* Valid until the next call; NULL: the answer does not have it. */
const char *header (const Answer *answer, const char *name);
/* One request: "GET /path", and further header lines. */
Answer ask (Client *client,
            const char *line, /* Valid until the next call; NULL: the answer does not have it. */
            const char *headers);
