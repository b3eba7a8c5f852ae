/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the host behind its handle, libvirt's objects as owned pointers, XML by XPath. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/xpath.h>

#include "base/error.h"
#include "virt/varstore.h"
#include "virt/virt.h"
#include "virt/volume.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (virConnect, virConnectClose)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (virDomain, virDomainFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (virStoragePool, virStoragePoolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (virStorageVol, virStorageVolFree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (virStream, virStreamFree)

#define KN_VIRT_MARK_URI "https://kilonova.dev/ns/1"

/* ---- error.c ---- */

/* Takes libvirt's messages off stderr, for the whole process. */
void kn_virt_error_silence (void);

/* The code of a libvirt error number. */
KnErrorCode kn_virt_error_code (int number);

/* Whether the error says that the connection itself is broken. */
bool kn_virt_error_is_connection (const virError *failure);

/* @message on one line, bounded, with host paths cut to their last part; caller frees. */
char *kn_virt_error_scrub (const char *message);

/* Turns libvirt's last error of this thread into *@error: call it directly after the call that failed on @conn. Marks @host
 * as lost when the connection is. Always false, so that it can end a function. */
bool kn_virt_fail (KnVirtHost *host, virConnectPtr conn, GError **error);

/* The number of libvirt's last error of this thread, VIR_ERR_OK if none. */
int kn_virt_last_number (void);

/* ---- xml.c ---- */

typedef struct {
    xmlDocPtr doc;
    xmlXPathContextPtr xpath;
} KnXmlView;

/* Parses @text without network, entities and DTD. Errors: VIRT. */
KnXmlView *kn_xml_view_new (const char *text, GError **error);
void kn_xml_view_free (KnXmlView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnXmlView, kn_xml_view_free)

/* Text of the first node at @path, NULL if there is none; caller frees. */
char *kn_xml_view_dup (const KnXmlView *view, const char *path);
/* Texts of all nodes at @path, NULL-terminated, never NULL; g_strfreev. */
char **kn_xml_view_list (const KnXmlView *view, const char *path);
bool kn_xml_view_has (const KnXmlView *view, const char *path);
/* A whole decimal number, @fallback if there is none. */
gint64 kn_xml_view_int (const KnXmlView *view, const char *path, gint64 fallback);

/* ---- loop.c ---- */

/* Registers libvirt's event loop, which is one for the process and runs GLib's default main context. Idempotent. */
bool kn_virt_loop_register (GError **error);
/* The event thread; there is one for the process. */
void kn_virt_loop_start (void);
void kn_virt_loop_stop (void);

/* ---- hosts.c, connection.c ---- */

/* Where news of all hosts go; shared by them, because a host may outlive its KnVirt. */
typedef struct {
    GMutex lock; /* of @silent; held while a callback runs */
    KnVirtEvents to;
    bool silent;
} KnVirtNews;

#define KN_VIRT_CALLBACKS_MAX 4

/* A folder's share/alone gate: volumes are created by many at once, a refresh needs the pool for itself. */
typedef struct {
    guint sharing;
    guint waiting; /* for being alone */
    bool alone;
} KnPoolGate;

struct KnVirtHost {
    gatomicrefcount refs;
    KnVirtNews *news; /* owned reference */
    char *cloud_id;
    char *name; /* set before the host is in any list, then constant */
    char *uri, *wish;
    char *dirs[KN_POOL_N];
    char *pools[KN_POOL_N]; /* their names */
    bool local;

    GMutex lock; /* everything below; never held across a libvirt call */
    GCond changed;
    bool stop, running; /* the host's thread */
    bool tried;         /* the first attempt to connect is over */
    bool listed;        /* found by its name: news of it make sense */
    virConnectPtr conn; /* NULL: away */
    virConnectPtr dead; /* lost, to be closed by the host's thread */
    int callbacks[KN_VIRT_CALLBACKS_MAX];
    gsize n_callbacks;
    virConnectPtr opening; /* being set up */
    bool opening_lost;
    char *why; /* why it is away */
    gint64 next_try_us;
    guint backoff_ms;
    gint announced;       /* -1: nothing yet, 0: down, 1: up */
    guint64 event_serial; /* counts lifecycle events */
    GPtrArray *facts; /* of KnVirtFacts; the last is current, older ones live as long as the host */
    bool pools_checked; /* on the present connection */
    KnPoolGate gates[KN_POOL_N];
    virConnectPtr monitor; /* for calls that wait for a guest's QEMU; opened on first use */
    GThreadPool *monitors;
    GHashTable
        *stuck; /* uuids of guests whose QEMU did not answer -> number of threads that still wait */
    GHashTable *sending;            /* names of images on their way to the host */
    gint64 refreshed_us[KN_POOL_N]; /* when the last refresh began */
};

/* A host that is in no list and not connected. */
KnVirtHost *kn_virt_host_new (KnVirt *virt, const KnVirtHostSpec *spec);
KnVirtHost *kn_virt_host_ref (KnVirtHost *host);

/* A reference to the present connection; give it back with virConnectClose(). Errors: UNAVAILABLE. */
virConnectPtr kn_virt_host_connection (KnVirtHost *host, GError **error);

/* Takes note that @conn broke; a connection that is not the present one is ignored. Any thread. */
void kn_virt_host_lost (KnVirtHost *host, virConnectPtr conn, const char *why);

/* Starts the host's thread, which connects and reconnects, and waits a bounded time for the first result. */
void kn_virt_host_run (KnVirtHost *host);
/* Lets the thread tell news of the host, now that it can be found. */
void kn_virt_host_list (KnVirtHost *host);
/* Asks the thread to end and waits a bounded time. */
void kn_virt_host_halt (KnVirtHost *host);

/* ---- test_driver.c ---- */

/* Whether @conn is libvirt's test driver, which has domains and pools but neither guests nor files. */
bool kn_virt_is_test (virConnectPtr conn);
/* Fills in what a QEMU host would have. */
void kn_virt_test_present (KnVirtFacts *facts);
/* Domain XML as the test driver takes it; caller frees. */
char *kn_virt_test_adapt (const char *xml, GError **error);

/* The bytes of an empty qcow2 of @size_bytes, as a QEMU host would have in a file. */
bool kn_virt_test_disk (guint64 size_bytes, KnVolumeTake take, gpointer data, GError **error);

/* ---- events.c ---- */

bool kn_virt_events_register (KnVirtHost *host, virConnectPtr conn, int *callbacks,
                              gsize *out_count, GError **error);
void kn_virt_events_deregister (virConnectPtr conn, const int *callbacks, gsize count);
/* Calls the upper layer's host_state, on the host's thread. */
void kn_virt_news_host (KnVirtHost *host, bool up, const char *why);

/* ---- facts.c ---- */

/* Empty facts; free with kn_virt_facts_free(). */
KnVirtFacts *kn_virt_facts_new (void);
KnVirtFacts *kn_virt_facts_load (KnVirtHost *host, virConnectPtr conn, GError **error);
/* The pure part, for facts whose arch and virt_type are set; @domain_caps may be NULL. */
void kn_virt_facts_parse (KnVirtFacts *facts, const KnXmlView *caps, const KnXmlView *domain_caps);
/* "kvm" or "qemu" for @wish; static. @features: all of the host's CPU. */
const char *kn_virt_facts_choose_type (const char *wish, const char *arch, const KnXmlView *caps,
                                       const char *const *features);
bool kn_virt_facts_equal (const KnVirtFacts *a, const KnVirtFacts *b);
void kn_virt_facts_free (KnVirtFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnVirtFacts, kn_virt_facts_free)

/* ---- domain.c: one call on one domain ---- */

typedef struct {
    KnVirtHost *host; /* borrowed */
    virConnectPtr conn;
    virDomainPtr domain; /* NULL: none, or a stranger's */
} KnDomainCall;

/* Finds our domain @uuid; a missing one is NOT_FOUND. */
bool kn_domain_call_open (KnDomainCall *call, KnVirtHost *host, const char *uuid, GError **error);
/* The same, but a missing one leaves @call->domain NULL. */
bool kn_domain_call_open_any (KnDomainCall *call, KnVirtHost *host, const char *uuid,
                              GError **error);
void kn_domain_call_clear (KnDomainCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnDomainCall, kn_domain_call_clear)

/* Finds our domain on @conn, of which it takes the reference; a missing one is NOT_FOUND. */
bool kn_domain_call_open_on (KnDomainCall *call, KnVirtHost *host, virConnectPtr conn,
                             const char *uuid, GError **error);

bool kn_domain_call_state (KnDomainCall *call, KnDomainState *out_state, GError **error);

/* ---- power.c ---- */

/* How many lifecycle events the host has told; and a wait for the next one after @serial, or until @until_us (monotonic). */
guint64 kn_virt_event_serial (KnVirtHost *host);
void kn_virt_wait_for_event (KnVirtHost *host, guint64 serial, gint64 until_us);

/* ---- copy.c ---- */

/* Whether a domain of that name only reads a disk for a copy: it is ours and no server. */
bool kn_disk_copy_is_reader (const char *name);

/* ---- monitor.c: calls that wait for a guest's QEMU ---- */

typedef struct KnMonitorSpec KnMonitorSpec;
struct KnMonitorSpec {
    /* What to do; runs on a thread that may outlive the caller, so it uses nothing but these. */
    bool (*work) (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result,
                  GError **error);
    const char *text; /* copied */
    int number;
    guint timeout_ms;
    bool
        alone; /* takes long: over a connection of its own, so that short calls need not queue behind it */
    GDestroyNotify free_result;
    /* The call waits for what runs in the guest, not for QEMU: one that is left behind stops further ones like it only. */
    bool asks_guest;
};

/* Runs @spec->work on our domain @uuid. Errors: NOT_FOUND, those of the work, TIMEOUT: the call is left behind, and until it
 * ends further ones on this domain fail at once. */
bool kn_monitor_run (KnVirtHost *host, const char *uuid, const KnMonitorSpec *spec,
                     gpointer *out_result, GError **error);

/* The function of @host->monitors. */
void kn_monitor_thread (gpointer data, gpointer user_data);

/* ---- pool.c: one call on one pool ---- */

typedef struct {
    KnVirtHost *host; /* borrowed */
    virConnectPtr conn;
    virStoragePoolPtr pool;
    KnPool which;
    bool test;
} KnPoolCall;

/* Opens our pool, making it if need be. */
bool kn_pool_call_open (KnPoolCall *call, KnVirtHost *host, KnPool which, GError **error);
void kn_pool_call_clear (KnPoolCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnPoolCall, kn_pool_call_clear)

/* Looks at the folder again. */
bool kn_pool_refresh (KnPoolCall *call, GError **error);
/* Looks at the folder again unless that was done within @max_age_ms. */
bool kn_pool_refresh_if_older (KnPoolCall *call, guint max_age_ms, GError **error);

/* The volume @name; on a miss the folder is read again when @deep. *@out_volume is NULL when there is none. */
typedef enum { KN_POOL_LOOK_KNOWN, KN_POOL_LOOK_DEEP } KnPoolLook;
bool kn_pool_find_volume (KnPoolCall *call, const char *name, KnPoolLook look,
                          virStorageVolPtr *out_volume, GError **error);

/* Creates a volume. *@out_existed: there was one of that name (then @out_volume is that one). */
bool kn_pool_create_volume (KnPoolCall *call, const char *name, const char *xml,
                            virStorageVolPtr *out_volume, bool *out_existed, GError **error);

/* Whether @name can be a volume of ours: one path component of bounded length. Errors: INTERNAL. */
bool kn_volume_check_name (const char *name, GError **error);

/* XML of a pool on the folder @dir. Caller frees. */
char *kn_pool_format_xml (const char *name, const char *dir);

/* ---- varstore_load.c ---- */

/* kn_virt_load_varstore() on a connection that the caller holds; @host takes the blame when it breaks. */
KnVarStore *kn_varstore_load_on (KnVirtHost *host, virConnectPtr conn, const char *path,
                                 GError **error);

/* ---- transfer.c ---- */

/* Where bytes come from: @bytes if not NULL, otherwise @fd from its present position. */
typedef struct {
    int fd;
    const char *bytes;
    gsize left;
} KnByteSource;

/* Streams @len bytes to the start of @volume. */
bool kn_pool_upload (KnPoolCall *call, virStorageVolPtr volume, KnByteSource *source, guint64 len,
                     GError **error);

/* Appends the first bytes of @volume, at most @max, to @out. */
bool kn_pool_download_head (KnPoolCall *call, virStorageVolPtr volume, gsize max, GByteArray *out,
                            GError **error);

/* ---- volume.c ---- */

/* virtlogd renames a full log to NAME.0, an older NAME.0 to NAME.1 and so on; so many are looked at. */
#define KN_VOLUME_ROTATED_MAX 16

/* XML of a volume. @base_path NULL: no backing file. Caller frees. */
char *kn_volume_format_xml (const char *name, const char *format, guint64 size_bytes,
                            const char *base_path, const char *base_format);
