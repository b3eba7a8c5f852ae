/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies for sinks: the connection's thread fills one buffer while a worker empties the other; when both are full the
 * connection is suspended, so memory stays at two buffers an upload. */
#include "http/body_priv.h"

#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/util.h"
#include "http/server_priv.h"

#define BUFFER_SIZE (256 * KIB)

struct KnUpload {
    GMutex lock; /* guards everything below; the sink itself is used by one worker at a time */
    gpointer sink;
    char *buffers[2];
    gsize lens[2];
    guint fill;     /* the buffer that is being filled */
    bool full;      /* the other one waits for the worker or is with it */
    bool busy;      /* a task is queued or running */
    bool suspended; /* the connection waits for us */
    bool nudged;    /* a lost client was pointed out to libmicrohttpd */
    guint64 received;
    bool begun, ended, finished, failed, lost;
    GError *error;
};

typedef enum { OP_NONE, OP_BEGIN, OP_CHUNK, OP_LAST_CHUNK, OP_FINISH, OP_ABORT } Op;

static Op
next_op (const KnUpload *upload)
{
    if (upload->lost || upload->failed)
        return upload->sink != NULL ? OP_ABORT : OP_NONE;
    if (!upload->begun)
        return OP_BEGIN;
    if (upload->full)
        return OP_CHUNK;
    if (upload->ended && upload->lens[upload->fill] > 0)
        return OP_LAST_CHUNK;
    return upload->ended && !upload->finished ? OP_FINISH : OP_NONE;
}

/* Runs one operation without the lock; what it touches belongs to the worker meanwhile. */
static bool
run_op (KnRequest *req, Op op, GError **error)
{
    const KnBodySink *sink = req->row->route->sink;
    KnUpload *upload = req->upload;
    const guint index = op == OP_CHUNK ? upload->fill ^ 1 : upload->fill;

    switch (op) {
    case OP_BEGIN:
        upload->sink = sink->begin (req, error);
        return upload->sink != NULL;
    case OP_CHUNK:
    case OP_LAST_CHUNK:
        return sink->chunk (req, upload->sink, upload->buffers[index], upload->lens[index], error);
    case OP_FINISH:
        return sink->finish (req, upload->sink, error);
    case OP_ABORT:
        sink->abort (g_steal_pointer (&upload->sink));
        return true;
    case OP_NONE:
        break;
    }
    return true;
}

/* With the lock: notes the outcome; true if the connection shall go on. */
static bool
note_op (KnUpload *upload, Op op, bool ok, GError **error)
{
    if (!ok) {
        upload->failed = true;
        upload->error = g_steal_pointer (error);
        return false; /* after the abort */
    }
    switch (op) {
    case OP_BEGIN:
        upload->begun = true;
        return true;
    case OP_CHUNK:
        upload->full = false;
        upload->lens[upload->fill ^ 1] = 0;
        return !upload->ended;
    case OP_LAST_CHUNK:
        upload->lens[upload->fill] = 0;
        return false;
    case OP_FINISH:
        upload->finished = true;
        return false; /* after the abort, which frees the sink */
    case OP_ABORT:
    case OP_NONE:
        break;
    }
    return false;
}

static void
resume (KnRequest *req)
{
    KnUpload *upload = req->upload;

    if (!upload->suspended || upload->lost)
        return;
    upload->suspended = false;
    MHD_resume_connection (req->connection);
}

/* Task: does what there is to do, in order. Holds a reference of the request. */
static void
run_upload (gpointer data)
{
    KnRequest *req = data;
    KnUpload *upload = req->upload;
    Op op;

    g_mutex_lock (&upload->lock);
    while ((op = next_op (upload)) != OP_NONE) {
        g_autoptr (GError) error = NULL;
        bool ok;

        g_mutex_unlock (&upload->lock);
        ok = run_op (req, op, &error);
        if (ok && op == OP_FINISH)
            (void)run_op (req, OP_ABORT, NULL);
        g_mutex_lock (&upload->lock);
        if (note_op (upload, op, ok, &error))
            resume (req);
    }
    upload->busy = false;
    if (upload->failed || upload->finished)
        resume (req);
    g_mutex_unlock (&upload->lock);
    kn_request_unref (req);
}

/* With the lock. */
static void
schedule (KnRequest *req)
{
    if (req->upload->busy)
        return;
    req->upload->busy = true;
    kn_workers_push_urgent (req->http->workers, run_upload, kn_request_ref (req));
}

static void
suspend (KnRequest *req)
{
    req->upload->suspended = true;
    MHD_suspend_connection (req->connection);
}

bool
kn_upload_begin (KnRequest *req)
{
    KnUpload *upload = g_new0 (KnUpload, 1);

    g_mutex_init (&upload->lock);
    req->upload = upload;
    kn_request_detach (req);
    g_mutex_lock (&upload->lock);
    upload->busy = true;
    suspend (req);
    if (kn_workers_push (req->http->workers, run_upload, kn_request_ref (req))) {
        g_mutex_unlock (&upload->lock);
        return true;
    }
    upload->busy = false;
    upload->failed = true;
    kn_error_public (&upload->error, KN_ERROR_UNAVAILABLE, "The server is busy, try again later.");
    resume (req);
    g_mutex_unlock (&upload->lock);
    kn_request_unref (req);
    return false;
}

/* With the lock: makes the sink's error the answer, once. */
static bool
take_failure (KnRequest *req)
{
    if (!req->upload->failed)
        return false;
    if (req->upload->error != NULL) {
        kn_body_reject (req, req->upload->error);
        g_clear_error (&req->upload->error);
    }
    return true;
}

/* With the lock: copies what fits; when a buffer is full and the other one is free, swaps them. */
static gsize
fill (KnRequest *req, const char *bytes, gsize len)
{
    KnUpload *upload = req->upload;
    gsize taken = 0;

    while (taken < len) {
        gsize *used = &upload->lens[upload->fill];
        const gsize part = MIN (len - taken, BUFFER_SIZE - *used);

        if (part == 0) {
            if (upload->full)
                break;
            upload->full = true;
            upload->fill ^= 1;
            schedule (req);
            continue;
        }
        if (upload->buffers[upload->fill] == NULL)
            upload->buffers[upload->fill] = g_malloc (BUFFER_SIZE);
        memcpy (upload->buffers[upload->fill] + *used, bytes + taken, part);
        *used += part;
        taken += part;
    }
    return taken;
}

/* Whether the client has hung up with all that it sent read already. libmicrohttpd takes a short read for "drained until the
 * next edge" and so overlooks a FIN that came with the data, until the idle timeout. */
static bool
has_hung_up (const KnRequest *req)
{
    const union MHD_ConnectionInfo *info
        = MHD_get_connection_info (req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;

    return info != NULL && recv (info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* With the lock: copies; if the client is gone, makes libmicrohttpd read again, by a resume, so that it notices. The byte that
 * is left over keeps it from going on with its buffer while suspended. */
static gsize
take (KnRequest *req, const char *bytes, gsize len)
{
    KnUpload *upload = req->upload;
    const bool last = !req->chunked && upload->received + len >= req->content_length;
    gsize taken;

    if (!last && !upload->nudged && has_hung_up (req)) {
        upload->nudged = true;
        taken = fill (req, bytes, len - 1);
        suspend (req);
        if (taken == len - 1)
            resume (req);
    } else {
        taken = fill (req, bytes, len);
        if (taken < len)
            suspend (req);
    }
    upload->received += taken;
    return taken;
}

gssize
kn_upload_take (KnRequest *req, const char *bytes, gsize len)
{
    KnUpload *upload = req->upload;
    gsize taken;

    g_rw_lock_reader_lock (&req->http->gate);
    if (g_atomic_int_get (&req->http->stopping)) {
        g_rw_lock_reader_unlock (&req->http->gate);
        return -1;
    }
    g_mutex_lock (&upload->lock);
    if (take_failure (req)) {
        g_mutex_unlock (&upload->lock);
        g_rw_lock_reader_unlock (&req->http->gate);
        return kn_body_take (req, bytes, len);
    }
    taken = take (req, bytes, len);
    g_mutex_unlock (&upload->lock);
    g_rw_lock_reader_unlock (&req->http->gate);
    return (gssize)taken;
}

void
kn_upload_finish (KnRequest *req)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&req->upload->lock);

    req->upload->ended = true;
    suspend (req);
    if (req->upload->failed && !req->upload->busy)
        resume (req);
    else
        schedule (req);
}

bool
kn_upload_take_failure (KnRequest *req)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&req->upload->lock);

    return take_failure (req);
}

void
kn_upload_lost (KnRequest *req)
{
    g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&req->upload->lock);

    req->upload->lost = true;
    if (!req->upload->busy && req->upload->sink != NULL)
        schedule (req);
}

void
kn_upload_free (KnUpload *upload)
{
    if (upload == NULL)
        return;
    g_free (upload->buffers[0]);
    g_free (upload->buffers[1]);
    g_clear_error (&upload->error);
    g_mutex_clear (&upload->lock);
    g_free (upload);
}
