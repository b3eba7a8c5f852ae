/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick: libmicrohttpd alone, sending the bytes of one file as JSON to whoever asks. usage: bare PORT FILE */
#include <arpa/inet.h>
#include <glib.h>
#include <microhttpd.h>

static char *body;
static gsize body_len;

static enum MHD_Result
answer (void *data, struct MHD_Connection *connection, const char *url, const char *method,
        const char *version, const char *upload, size_t *upload_len, void **request)
{
    static char seen;
    struct MHD_Response *response;
    enum MHD_Result result;

    /* An answer at the first call, before a body could come, would close the connection. */
    if (*request == NULL) {
        *request = &seen;
        return MHD_YES;
    }
    response = MHD_create_response_from_buffer (body_len, body, MHD_RESPMEM_PERSISTENT);

    (void)MHD_add_response_header (response, "Content-Type", "application/json");
    result = MHD_queue_response (connection, MHD_HTTP_OK, response);
    MHD_destroy_response (response);
    return result;
}

int
main (int argc, char **argv)
{
    g_autoptr (GError) error = NULL;
    guint port = argc == 3 ? (guint)g_ascii_strtoull (argv[1], NULL, 10) : 0;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)port) };
    struct MHD_Daemon *daemon;

    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    if (port == 0 || !g_file_get_contents (argv[2], &body, &body_len, &error)) {
        g_printerr ("bare: %s\n", error ? error->message : "usage: bare PORT FILE");
        return 2;
    }
    daemon
        = MHD_start_daemon (MHD_USE_EPOLL_INTERNAL_THREAD, (guint16)port, NULL, NULL, answer, NULL,
                            MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,
                            MHD_OPTION_THREAD_POOL_SIZE, g_get_num_processors (), MHD_OPTION_END);
    if (!daemon) {
        g_printerr ("bare: cannot listen on port %u\n", port);
        return 1;
    }
    g_main_loop_run (g_main_loop_new (NULL, FALSE));
    return 0;
}
