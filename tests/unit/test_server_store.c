/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL of servers and of what happened to them, on both databases. */
#include "base/error.h"
#include "base/util.h"
#include "compute/clock.h"
#include "compute/compute_priv.h"
#include "compute/history_store.h"
#include "compute/host_boot_store.h"
#include "compute/placement_store.h"
#include "compute/server_store.h"
#include "scratch_mariadb.h"

#include <string.h>

#define ID "7a1bd6f2-0ee5-4bd5-a6b4-40d8d0ed4d0f"
#define THIRD "00000000-0000-0000-0000-000000000003"

static KnScratchMariadb *mariadb;

typedef struct {
    KnDbPool *pool;
    KnDb *db;
} Fixture;

static void
set_up (Fixture *f, const char *url)
{
    g_autoptr (GError) error = NULL;

    f->pool = kn_db_pool_open (url, NULL, &error);
    g_assert_no_error (error);
    f->db = kn_db_thread (f->pool, &error);
    g_assert_no_error (error);
}

static gint64
insert (Fixture *f, const char *id, const char *project, const char *name)
{
    g_autoptr (GError) error = NULL;
    g_autofree char *now = kn_db_now ();
    KnServer server = { .uuid = id,
                        .name = name,
                        .hostname = name,
                        .project_id = project,
                        .user_id = "user",
                        .image_ref = "image",
                        .host = "host",
                        .node = "host",
                        .zone = "nova",
                        .config_drive = "True",
                        .root_device = "/dev/vda",
                        .reservation_id = "r-1",
                        .created_at = now,
                        .vcpus = 2,
                        .memory_mib = 4096,
                        .root_gib = 40,
                        .flavor_row = 3,
                        .flavor_id = "3",
                        .flavor_name = "m1.medium",
                        .extra_specs = "{}",
                        .admin_pass = "secret",
                        .profile = "kilonova-1",
                        .auto_disk_config = true };

    g_assert_true (kn_store_server_insert (f->db, &server, &error));
    g_assert_no_error (error);

    return server.id;
}

static KnServer *
load (Fixture *f, const char *id)
{
    g_autoptr (GError) error = NULL;
    KnServer *server = kn_store_server_load (f->db, id, NULL, &error);

    g_assert_no_error (error);
    return server;
}

static void
test_life (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnServer) server = NULL, after = NULL;
    gint64 mib, counts[KN_VM_N];
    bool alive = false;

    insert (f, ID, "p1", "caf\xc3\xa9");
    g_assert_null (kn_store_server_load (f->db, ID, "p2", &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_NOT_FOUND);
    g_clear_error (&error);
    server = kn_store_server_load (f->db, ID, "p1", &error);
    g_assert_no_error (error);
    g_assert_cmpstr (server->name, ==, "caf\xc3\xa9");
    g_assert_cmpint (server->vm, ==, KN_VM_BUILDING);
    g_assert_cmpint (server->task, ==, KN_TASK_SCHEDULING);
    g_assert_cmpstr (server->admin_pass, ==, "secret");
    g_assert_null (server->os_type);

    g_assert_true (
        kn_store_server_settle (f->db, ID, KN_VM_ACTIVE, KN_POWER_RUNNING, &alive, &error));
    g_assert_true (alive);
    g_assert_true (kn_store_server_set_launched (f->db, ID, &error));

    /* The record has moved on: whoever read it before is refused. */
    g_assert_false (kn_store_server_claim (f->db, server, KN_TASK_POWERING_OFF, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_CONFLICT);
    g_clear_error (&error);
    after = load (f, ID);
    g_assert_nonnull (after->launched_at);
    g_assert_cmpint (after->progress, ==, 100);
    g_assert_true (kn_store_server_claim (f->db, after, KN_TASK_POWERING_OFF, &error));
    g_assert_false (kn_store_server_claim (f->db, after, KN_TASK_DELETING, &error));
    g_clear_error (&error);

    g_assert_true (kn_store_server_memory_on (f->db, "host", &mib, &error));
    g_assert_cmpint (mib, ==, 4096);
    g_assert_true (kn_store_server_count (f->db, counts, &error));
    g_assert_cmpint (counts[KN_VM_ACTIVE], ==, 1);
}

static void
test_deleting_wins (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnServer) server = NULL, gone = NULL;
    bool alive = true;

    insert (f, ID, "p1", "a");
    server = load (f, ID);
    g_assert_true (kn_store_server_claim (f->db, server, KN_TASK_DELETING, &error));
    g_assert_true (kn_store_server_set_task (f->db, ID, KN_TASK_SPAWNING, &alive, &error));
    g_assert_false (alive);
    alive = true;
    g_assert_true (
        kn_store_server_settle (f->db, ID, KN_VM_ACTIVE, KN_POWER_RUNNING, &alive, &error));
    g_assert_false (alive);
    g_clear_pointer (&server, kn_server_free);
    server = load (f, ID);
    g_assert_cmpint (server->task, ==, KN_TASK_DELETING);

    g_assert_true (kn_store_server_delete (f->db, ID, &error));
    g_assert_null (kn_store_server_load (f->db, ID, NULL, &error));
    g_clear_error (&error);
    gone = kn_store_server_find (f->db, ID, &error);
    g_assert_no_error (error);
    g_assert_true (gone->deleted);
    g_assert_nonnull (gone->terminated_at);
    g_assert_null (gone->admin_pass);
}

static void
test_seen (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnServer) server = NULL;
    bool changed = true;

    insert (f, ID, "p1", "a");
    server = load (f, ID);

    /* A task is under way: what the host says is no news. */
    g_assert_true (kn_store_server_set_seen (f->db, server, KN_VM_STOPPED, KN_POWER_SHUTDOWN,
                                             &changed, &error));
    g_assert_false (changed);
    g_assert_true (
        kn_store_server_settle (f->db, ID, KN_VM_ACTIVE, KN_POWER_RUNNING, NULL, &error));
    g_clear_pointer (&server, kn_server_free);
    server = load (f, ID);
    g_assert_true (kn_store_server_set_seen (f->db, server, KN_VM_STOPPED, KN_POWER_SHUTDOWN,
                                             &changed, &error));
    g_assert_true (changed);
    g_assert_true (
        kn_store_server_set_seen (f->db, server, KN_VM_ACTIVE, KN_POWER_RUNNING, &changed, &error));
    g_assert_false (changed);
}

static bool
append_name (const KnServer *server, gpointer data)
{
    g_string_append_printf (data, "%s ", server->name);
    return true;
}

static char *
list (Fixture *f, KnServerScope scope)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GString) names = g_string_new (NULL);

    g_assert_true (kn_store_server_each (f->db, &scope, append_name, names, &error));
    g_assert_no_error (error);

    return g_strchomp (g_strdup (names->str));
}

static void
test_lists (Fixture *f)
{
    static const char *const ids[]
        = { "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002", THIRD };
    static const struct {
        KnServerScope scope;
        const char *names;
    } cases[] = {
        { { .project_id = "p1" }, "c a" },
        { { 0 }, "c b a" },
        { { .project_id = "p1", .marker = THIRD }, "a" },
        { { .project_id = "p3" }, "" },
        { { .with_deleted = true }, "c b a" },
        { { .only_deleted = true }, "" },
        { { .with_deleted = true, .changed_since = "2000-01-01 00:00:00" }, "c b a" },
        { { .with_deleted = true, .changed_since = "2999-01-01 00:00:00" }, "" },
    };
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) on_host = NULL;
    g_autoptr (GHashTable) metadata = NULL;

    insert (f, ids[0], "p1", "a");
    insert (f, ids[1], "p2", "b");
    gint64 last = insert (f, ids[2], "p1", "c");
    for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *names = list (f, cases[i].scope);

        g_assert_cmpstr (names, ==, cases[i].names);
    }
    g_assert_false (kn_store_server_each (f->db, &(KnServerScope){ .marker = "nothing" },
                                          append_name, NULL, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_clear_error (&error);

    on_host = kn_store_server_list_host (f->db, "host", &error);
    g_assert_cmpuint (on_host->len, ==, 3);
    g_assert_true (kn_store_meta_set (f->db, KN_META_USER, ids[2], "k", "v", &error));
    metadata = kn_store_meta_load_project (f->db, "p1", 1, last, &error);
    g_assert_cmpuint (g_hash_table_size (metadata), ==, 1);
    g_assert_true (kn_store_server_delete (f->db, ids[2], &error));
    g_autofree char *left = list (f, (KnServerScope){ .project_id = "p1" });
    g_assert_cmpstr (left, ==, "a");
    g_autofree char *deleted = list (f, (KnServerScope){ .only_deleted = true });
    g_assert_cmpstr (deleted, ==, "c");
}

static void
test_metadata (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GHashTable) system = NULL, after = NULL;
    bool found = true;

    /* As an operator types it: by position, without a key. */
    static const KnStmt by_hand
        = { .name = "BY_HAND",
            .sql = "insert into instance_system_metadata values(NULL,NULL,NULL,NULL,'" ID
                   "','image_hw_qemu_guest_agent','yes',0)" };

    insert (f, ID, "p1", "a");
    g_assert_true (kn_db_exec (f->db, &by_hand, KN_NO_BIND, NULL, &error));
    g_assert_true (kn_store_meta_set (f->db, KN_META_SYSTEM, ID, "image_os_type", "linux", &error));
    g_assert_true (
        kn_store_meta_set (f->db, KN_META_SYSTEM, ID, "image_os_type", "windows", &error));
    g_assert_true (kn_store_meta_set (f->db, KN_META_SYSTEM, ID, "owner", "o", &error));
    system = kn_store_meta_load (f->db, KN_META_SYSTEM, ID, &error);
    g_assert_cmpuint (g_hash_table_size (system), ==, 3);
    g_assert_cmpstr (g_hash_table_lookup (system, "image_hw_qemu_guest_agent"), ==, "yes");
    g_assert_cmpstr (g_hash_table_lookup (system, "image_os_type"), ==, "windows");

    g_assert_true (kn_store_meta_clear (f->db, KN_META_SYSTEM, ID, "image_", &error));
    after = kn_store_meta_load (f->db, KN_META_SYSTEM, ID, &error);
    g_assert_cmpuint (g_hash_table_size (after), ==, 1);
    g_assert_true (kn_store_meta_delete (f->db, KN_META_SYSTEM, ID, "nothing", &found, &error));
    g_assert_false (found);
}

static void
test_plan (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_auto (KnServerPlan) plan = { 0 };
    g_autofree char *lengthy = g_strnfill (100000, 'x');

    insert (f, ID, "p1", "a");
    g_assert_true (kn_store_server_load_plan (f->db, ID, &plan, &error));
    g_assert_null (plan.identity);
    g_assert_true (kn_store_server_set_plan (
        f->db, ID, &(KnServerPlan){ .identity = (char *)"{}", .xml = lengthy, .plan = lengthy },
        &error));
    g_assert_true (kn_store_server_load_plan (f->db, ID, &plan, &error));
    g_assert_cmpstr (plan.xml, ==, lengthy);
    g_assert_false (kn_store_server_load_plan (f->db, "nobody", &plan, &error));
    g_assert_error (error, KN_ERROR, KN_ERROR_DB);
}

static void
keep_action (const KnHistoryAction *action, gpointer data)
{
    KnHistoryAction *kept = data;

    kept->id = action->id;
    kept->message = g_strdup (action->message);
}

static void
keep_event (const KnHistoryEvent *event, gpointer data)
{
    *(char **)data = g_strdup_printf ("%s %s", event->event, event->result);
}

static void
test_history (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnServer) server = NULL;
    g_autoptr (KnServerFault) none = NULL, fault = NULL;
    KnHistoryAction kept = { 0 };
    g_autofree char *event = NULL, *message = NULL, *lengthy = g_strnfill (5000, 'x');

    insert (f, ID, "p1", "a");
    server = load (f, ID);
    g_assert_true (kn_history_begin (f->db, server, KN_ACT_STOP, "req-1", "user", &error));
    g_assert_true (kn_history_note (f->db, ID, "req-1", "a note", &error));
    g_assert_true (kn_history_end (f->db, ID, KN_ACT_STOP, "req-1", "host", NULL, &error));
    g_assert_true (kn_history_each (f->db, ID, "req-1", keep_action, &kept, &error));
    message = (char *)kept.message;
    g_assert_cmpstr (message, ==, "a note");
    g_assert_true (kn_history_each_event (f->db, kept.id, keep_event, &event, &error));
    g_assert_cmpstr (event, ==, "compute_stop_instance Success");

    none = kn_history_find_fault (f->db, ID, &error);
    g_assert_no_error (error);
    g_assert_null (none);
    g_assert_true (kn_history_add_fault (f->db, ID, 500, lengthy, NULL, "host", &error));
    g_assert_true (kn_history_add_fault (f->db, ID, 500, "last", "why", "host", &error));
    fault = kn_history_find_fault (f->db, ID, &error);
    g_assert_cmpstr (fault->message, ==, "last");
}

static void
note_placement (const KnPlacement *placement, gpointer data)
{
    g_string_append_printf (data, "[%s %s]", placement->cpus ? placement->cpus : "-",
                            placement->pages ? placement->pages : "-");
}

static void
assert_held (Fixture *f, const char *except, const char *want)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GString) found = g_string_new (NULL);

    g_assert_true (kn_store_placement_each (f->db, "h", except, note_placement, found, &error));
    g_assert_cmpstr (found->str, ==, want);
}

static void
test_placements (Fixture *f)
{
    static const KnPlacement cpus = { .cpus = "0-1" }, pages = { .pages = "0:2048:8" },
                             both = { "2", "0:2048:4" }, none = { 0 };
    g_autoptr (GError) error = NULL;

    g_assert_true (kn_store_placement_lock (f->db, "h", &error));
    g_assert_true (kn_store_placement_set (f->db, "a", "h", &none, &error));
    assert_held (f, "", "");
    g_assert_true (kn_store_placement_set (f->db, "a", "h", &cpus, &error));
    g_assert_true (kn_store_placement_set (f->db, "b", "h", &pages, &error));
    g_assert_true (kn_store_placement_set (f->db, "c", "other", &pages, &error));
    assert_held (f, "", "[0-1 -][- 0:2048:8]");
    assert_held (f, "a", "[- 0:2048:8]");
    g_assert_true (kn_store_placement_set (f->db, "a", "h", &both, &error));
    assert_held (f, "b", "[2 0:2048:4]");
    g_assert_true (kn_store_placement_set (f->db, "a", "h", &none, &error));
    assert_held (f, "b", "");
    g_assert_no_error (error);
}

static void
test_boots (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    bool changed = true;

    g_assert_true (kn_store_host_boot_note (f->db, "h", "one", &changed, &error));
    g_assert_false (changed);
    g_assert_true (kn_store_host_boot_note (f->db, "h", "one", &changed, &error));
    g_assert_false (changed);
    g_assert_true (kn_store_host_boot_note (f->db, "h", "two", &changed, &error));
    g_assert_true (changed);
}

static KnClockRow *
load_clock (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    KnClockRow *row = kn_store_clock_load (f->db, ID, &error);

    g_assert_no_error (error);
    return row;
}

static GArray *
load_changes (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    GArray *changes = kn_store_clock_changes (f->db, ID, &error);

    g_assert_no_error (error);
    return changes;
}

static void
write_clock (Fixture *f, gint64 offset_s, gint64 at_us)
{
    g_autoptr (GError) error = NULL;

    (void)kn_store_clock_set_offset (f->db, ID, offset_s, at_us, KN_CLOCK_SOURCE_GUEST, &error);
    g_assert_no_error (error);
}

static void
test_clock (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (KnClockRow) none = load_clock (f), first = NULL, later = NULL, forgotten = NULL;
    g_autoptr (GArray) changes = NULL, after = NULL;
    const KnClockRow base = { .base = KN_CLOCK_BASE_TIMEZONE,
                              .base_zone = (char *)"Asia/Shanghai",
                              .base_offset_known = true,
                              .base_offset_s = 28800,
                              .started_us = 5 };

    g_assert_false (none->has_offset);
    g_assert_cmpint (none->base, ==, KN_CLOCK_BASE_NONE);
    g_assert_true (kn_store_clock_set_base (f->db, ID, &base, &error));
    write_clock (f, 28800, 10);
    first = load_clock (f);
    g_assert_cmpint (first->base, ==, KN_CLOCK_BASE_TIMEZONE);
    g_assert_cmpstr (first->base_zone, ==, "Asia/Shanghai");
    g_assert_cmpint (first->offset_s, ==, 28800);
    g_assert_cmpint (first->source, ==, KN_CLOCK_SOURCE_GUEST);
    g_assert_cmpint (first->declared, ==, KN_CLOCK_BASE_TIMEZONE);
    g_assert_cmpstr (first->declared_zone, ==, "Asia/Shanghai");

    /* A second more or less is no change, and is kept all the same; an hour is one. */
    write_clock (f, 28801, 20);
    write_clock (f, 25200, 30);
    later = load_clock (f);
    g_assert_cmpint (later->offset_s, ==, 25200);
    g_assert_cmpint (later->since_us, ==, 30);
    g_assert_cmpint (later->written_us, ==, 30);
    changes = load_changes (f);
    g_assert_cmpuint (changes->len, ==, 2);
    g_assert_cmpint (g_array_index (changes, KnClockChange, 0).before_s, ==, 28801);
    g_assert_cmpint (g_array_index (changes, KnClockChange, 0).offset_s, ==, 25200);
    g_assert_cmpint (g_array_index (changes, KnClockChange, 1).before_s, ==, 28800);

    /* Started by what the guest has set: what was declared before is still known. */
    g_assert_true (kn_store_clock_set_base (
        f->db, ID, &(KnClockRow){ .base = KN_CLOCK_BASE_VARIABLE, .started_us = 40 }, &error));
    (void)kn_store_clock_set_offset (f->db, ID, 25200, 50, KN_CLOCK_SOURCE_REPEAT, &error);
    g_assert_no_error (error);
    g_clear_pointer (&later, kn_clock_row_free);
    later = load_clock (f);
    g_assert_cmpint (later->base, ==, KN_CLOCK_BASE_VARIABLE);
    g_assert_cmpint (later->declared, ==, KN_CLOCK_BASE_TIMEZONE);
    g_assert_cmpint (later->source, ==, KN_CLOCK_SOURCE_REPEAT);
    g_assert_cmpint (later->written_us, ==, 50);

    g_assert_true (kn_store_clock_forget (f->db, ID, &error));
    forgotten = load_clock (f);
    g_assert_false (forgotten->has_offset);
    g_assert_cmpint (forgotten->base, ==, KN_CLOCK_BASE_VARIABLE);

    g_assert_true (kn_store_clock_delete (f->db, ID, &error));
    after = load_changes (f);
    g_assert_cmpuint (after->len, ==, 0);
}

static void
test_clock_history_is_bounded (Fixture *f)
{
    g_autoptr (GArray) changes = NULL;

    for (gint64 i = 1; i <= KN_CLOCK_CHANGES_MAX + 20; i++)
        write_clock (f, i * 3600, i);
    changes = load_changes (f);
    g_assert_cmpuint (changes->len, ==, KN_CLOCK_CHANGES_MAX);
    g_assert_cmpint (g_array_index (changes, KnClockChange, 0).offset_s, ==,
                     (KN_CLOCK_CHANGES_MAX + 20) * 3600);
}

/* Whichever statement fails, what the guest has set is not lost. */
static void
test_clock_settles (Fixture *f)
{
    KnCompute compute = { .clock_news = kn_clock_news_new () };
    g_autoptr (KnClockRow) row = NULL;
    bool settled = false;
    guint n = 0;

    insert (f, ID, "p1", "a");
    g_assert_true (kn_clock_news_hear (compute.clock_news, ID, 3600));
    g_assert_false (kn_clock_news_hear (compute.clock_news, ID, 7200));
    while (!settled) {
        g_autoptr (GError) error = NULL;

        kn_db_fail_after (f->db, ++n);
        settled = kn_server_clock_settle (&compute, f->db, ID, &error);
        g_assert_true (settled || error != NULL);
        g_assert_cmpuint (n, <, 30);
    }
    kn_db_fail_after (f->db, 0);
    g_assert_cmpuint (n, >, 3);
    row = load_clock (f);
    g_assert_cmpint (row->offset_s, ==, 7200);
    g_assert_true (kn_clock_news_hear (compute.clock_news, ID, 1));
    kn_clock_news_free (compute.clock_news);
}

/* Snapshot and boot from it; a move to a host of another zone. */
static void
test_clock_goes_along (Fixture *f)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (GHashTable) image = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr (GHashTable) system = g_hash_table_new (g_str_hash, g_str_equal);
    const KnServer server = { .uuid = ID };
    const KnClockRow base = { .base = KN_CLOCK_BASE_LOCALTIME,
                              .base_zone = (char *)"Asia/Shanghai",
                              .base_offset_known = true,
                              .base_offset_s = 28800,
                              .started_us = 5 };
    g_autoptr (KnClockRow) from_image = NULL, moved = NULL;

    g_hash_table_insert (image, g_strdup ("os_rtc_offset"), g_strdup ("1"));
    g_assert_true (kn_server_clock_to_image (f->db, &server, image, &error));
    g_assert_false (g_hash_table_contains (image, "os_rtc_offset"));
    write_clock (f, -18000, 10);
    g_assert_true (kn_server_clock_to_image (f->db, &server, image, &error));
    g_assert_cmpstr (g_hash_table_lookup (image, "os_rtc_offset"), ==, "-18000");

    /* UTC that was given and written back is no news. */
    g_assert_true (kn_store_clock_set_base (
        f->db, ID, &(KnClockRow){ .base = KN_CLOCK_BASE_UTC, .base_offset_known = true }, &error));
    (void)kn_store_clock_set_offset (f->db, ID, 1, 20, KN_CLOCK_SOURCE_REPEAT, &error);
    g_assert_true (kn_server_clock_to_image (f->db, &server, image, &error));
    g_assert_false (g_hash_table_contains (image, "os_rtc_offset"));

    g_hash_table_insert (system, (char *)"image_os_rtc_offset", (char *)"20700");
    g_assert_true (kn_server_clock_from_image (f->db, ID, system, &error));
    from_image = load_clock (f);
    g_assert_cmpint (from_image->offset_s, ==, 20700);
    g_assert_cmpint (from_image->source, ==, KN_CLOCK_SOURCE_IMAGE);
    g_hash_table_remove_all (system);
    g_assert_true (kn_server_clock_from_image (f->db, ID, system, &error));

    g_assert_true (kn_store_clock_set_base (f->db, ID, &base, &error));
    g_assert_true (
        kn_server_clock_carry (f->db, &server, &(KnClockMove){ .to_zone = "UTC" }, &error));
    moved = load_clock (f);
    g_assert_true (moved->has_offset);
    g_assert_cmpint (moved->offset_s, ==, 28800);
    g_assert_cmpint (moved->source, ==, KN_CLOCK_SOURCE_MOVE);
}

typedef struct {
    const char *name;
    void (*run) (Fixture *f);
} Case;

static const Case cases[] = {
    { "life", test_life },
    { "deleting-wins", test_deleting_wins },
    { "seen", test_seen },
    { "lists", test_lists },
    { "plan", test_plan },
    { "metadata", test_metadata },
    { "placements", test_placements },
    { "boots", test_boots },
    { "history", test_history },
    { "clock", test_clock },
    { "clock-history", test_clock_history_is_bounded },
    { "clock-goes-along", test_clock_goes_along },
    { "clock-settles", test_clock_settles },
};

static void
run_case (const Case *test, const char *url)
{
    Fixture fixture = { 0 };

    set_up (&fixture, url);
    test->run (&fixture);
    kn_db_pool_close (fixture.pool);
}

static void
run_on_sqlite (gconstpointer data)
{
    g_autofree char *folder = g_dir_make_tmp ("kn-server-XXXXXX", NULL);
    g_autofree char *url = g_strdup_printf ("sqlite:%s/test.db", folder);

    run_case (data, url);
    kn_scratch_remove (folder);
}

static void
run_on_mariadb (gconstpointer data)
{
    g_autofree char *url = NULL;

    if (mariadb == NULL) {
        g_test_skip ("mariadbd is not installed");
        return;
    }
    url = kn_scratch_mariadb_url (mariadb);
    run_case (data, url);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc run;
    } engines[] = { { "sqlite", run_on_sqlite }, { "mariadb", run_on_mariadb } };
    int result;

    g_test_init (&argc, &argv, NULL);
    mariadb = kn_scratch_mariadb_start ();
    for (gsize e = 0; e < G_N_ELEMENTS (engines); e++)
        for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
            g_autofree char *path
                = g_strdup_printf ("/server-store/%s/%s", engines[e].name, cases[i].name);

            g_test_add_data_func (path, &cases[i], engines[e].run);
        }
    result = g_test_run ();
    kn_scratch_mariadb_stop (mariadb);
    return result;
}
