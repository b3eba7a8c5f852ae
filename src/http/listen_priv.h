/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket. */
#pragma once

#include <glib.h>

/* Binds and listens on "host:port" or "[v6]:port"; port 0 takes a free one. Errors: BAD_REQUEST, UNAVAILABLE naming the address. */
int kn_listen (const char *address, guint *out_port, GError **error);
