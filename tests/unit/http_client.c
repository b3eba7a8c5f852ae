/* SPDX-License-Identifier: Apache-2.0 */
/* A plain HTTP client on a socket. */
#include "http_client.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

Client
dial (KnHttp *http)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons ((guint16)kn_http_port (http)),
                                   .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    const struct timeval limit = { .tv_sec = 20 };
    Client client = { socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), g_string_new (NULL) };

    g_assert_cmpint (client.fd, >=, 0);
    g_assert_cmpint (setsockopt (client.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), ==, 0);
    g_assert_cmpint (connect (client.fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return client;
}

void
hang_up (Client *client)
{
    (void)close (client->fd);
    g_string_free (client->in, TRUE);
}

bool
send_bytes (Client *client, const char *bytes, gsize len)
{
    while (len > 0) {
        const ssize_t sent = send (client->fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0)
            return false;
        bytes += sent;
        len -= (gsize)sent;
    }
    return true;
}

void
say (Client *client, const char *text)
{
    g_assert_true (send_bytes (client, text, strlen (text)));
}

bool
receive (Client *client)
{
    char buffer[16 * 1024];
    const ssize_t got = recv (client->fd, buffer, sizeof buffer, 0);

    if (got <= 0)
        return false;
    g_string_append_len (client->in, buffer, got);
    return true;
}

static gsize
content_length (const char *head)
{
    const char *found = strstr (head, "\r\nContent-Length: ");

    return found != NULL ? (gsize)g_ascii_strtoull (found + 18, NULL, 10) : 0;
}

Answer
hear (Client *client, bool has_body)
{
    Answer answer = { 0 };
    const char *end;
    gsize head_len, body_len;

    while ((end = strstr (client->in->str, "\r\n\r\n")) == NULL)
        if (!receive (client))
            return answer;
    head_len = (gsize)(end - client->in->str) + 2;
    answer.head = g_strndup (client->in->str, head_len);
    answer.status = (guint)g_ascii_strtoull (answer.head + 9, NULL, 10);
    body_len = has_body && answer.status != 204 ? content_length (answer.head) : 0;
    while (client->in->len < head_len + 2 + body_len)
        g_assert_true (receive (client));
    answer.body = g_strndup (client->in->str + head_len + 2, body_len);
    g_string_erase (client->in, 0, (gssize)(head_len + 2 + body_len));
    return answer;
}

void
answer_clear (Answer *answer)
{
    g_free (answer->head);
    g_free (answer->body);
    *answer = (Answer){ 0 };
}

const char *
header (const Answer *answer, const char *name)
{
    static char value[512];
    g_autofree char *wanted = g_strdup_printf ("\r\n%s: ", name);
    const char *found = strstr (answer->head, wanted);

    if (found == NULL)
        return NULL;
    found += strlen (wanted);
    g_strlcpy (value, found, MIN (sizeof value, (gsize)(strstr (found, "\r\n") - found) + 1));
    return value;
}

Answer
ask (Client *client, const char *line, const char *headers)
{
    g_autofree char *text = g_strdup_printf ("%s HTTP/1.1\r\nHost: h:1\r\n%s\r\n", line, headers);

    say (client, text);
    return hear (client, !g_str_has_prefix (line, "HEAD"));
}
