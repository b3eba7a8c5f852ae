/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager: one datagram, for which libsystemd would be a large dependency. */
#include "cmd/notify.h"

#include "base/util.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

void
kn_notify (const char *state)
{
    const char *path = g_getenv ("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gsize len = path ? strlen (path) : 0;

    if (len == 0 || len >= sizeof address.sun_path)
        return;

    kn_autofd fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy (address.sun_path, path, len);
    if (address.sun_path[0] == '@') /* abstract name space */
        address.sun_path[0] = '\0';
    (void)sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *)&address,
                  (socklen_t)(offsetof (struct sockaddr_un, sun_path) + len));
}
