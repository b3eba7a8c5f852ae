/* SPDX-License-Identifier: Apache-2.0 */
/* The listening socket. */
#include "http/listen_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/util.h"

#define BACKLOG 1024

/* Splits "host:port"; an empty host is any address. */
static bool
split_address (const char *address, char **out_host, char **out_port)
{
    const char *colon = strrchr (address, ':');
    gint64 port;

    if (colon == NULL || !kn_parse_int (colon + 1, 0, 65535, &port))
        return false;
    if (address[0] == '[') {
        if (colon - address < 2 || colon[-1] != ']')
            return false;
        *out_host = g_strndup (address + 1, (gsize)(colon - address) - 2);
    } else {
        *out_host = g_strndup (address, (gsize)(colon - address));
    }
    *out_port = g_strdup (colon + 1);
    return true;
}

static int
open_socket (const struct addrinfo *info, guint *out_port)
{
    kn_autofd fd = socket (info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    const int yes = 1;
    int result;

    if (fd < 0 || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0
        || bind (fd, info->ai_addr, info->ai_addrlen) != 0 || listen (fd, BACKLOG) != 0
        || getsockname (fd, (struct sockaddr *)&bound, &len) != 0)
        return -1;
    *out_port = bound.ss_family == AF_INET6
                    ? ntohs (((const struct sockaddr_in6 *)&bound)->sin6_port)
                    : ntohs (((const struct sockaddr_in *)&bound)->sin_port);
    result = fd;
    fd = -1;
    return result;
}

int
kn_listen (const char *address, guint *out_port, GError **error)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    g_autofree char *host = NULL;
    g_autofree char *port = NULL;
    struct addrinfo *list = NULL;
    int fd = -1, failed, saved = 0;

    if (!split_address (address, &host, &port)) {
        kn_error_set (error, KN_ERROR_BAD_REQUEST, "'%s' is not an address with a port", address);
        return -1;
    }
    failed = getaddrinfo (*host != '\0' ? host : NULL, port, &hints, &list);
    if (failed != 0) {
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot listen on '%s': %s", address,
                      gai_strerror (failed));
        return -1;
    }
    for (const struct addrinfo *info = list; info != NULL && fd < 0; info = info->ai_next) {
        fd = open_socket (info, out_port);
        saved = errno;
    }
    freeaddrinfo (list);
    if (fd < 0)
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot listen on '%s': %s", address,
                      g_strerror (saved));
    return fd;
}
