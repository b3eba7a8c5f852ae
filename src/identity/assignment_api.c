/* SPDX-License-Identifier: Apache-2.0 */
/* The list of role assignments: as stored, or effective, that is with groups, inheritance and implied roles worked out. */
#include "base/error.h"
#include "base/util.h"
#include "identity/assignment_store.h"
#include "identity/entity.h"

#include <string.h>

KN_STMT (ALL_MEMBERS, "SELECT m.group_id, u.id, u.name, u.domain_id FROM group_members m"
                      " JOIN users u ON u.id = m.user_id");
KN_STMT (ALL_PROJECTS, "SELECT id, name, domain_id, parent_id FROM projects");
KN_STMT (ALL_IMPLIED, "SELECT i.prior_role_id, r.id, r.name, r.domain_id FROM implied_roles i"
                      " JOIN roles r ON r.id = i.implied_role_id");
KN_STMT (ALL_DOMAINS, "SELECT id, name, NULL, NULL FROM domains");

/* Nothing here outlives the request: all strings are in one chunk. */
typedef struct {
    KnRequest *req;
    KnDb *db;
    GStringChunk *chunk;
    GArray *rows;        /* KnAssignmentRow */
    GArray *links;       /* Link, one a row */
    GHashTable *domains; /* id -> name */
    GHashTable *subtree; /* ids of projects that scope.project.id stands for; NULL: just itself */
} Listing;

/* Where a row came from. */
typedef struct {
    const char *group_id, *prior_role_id;
} Link;

/* One row of a relation: a key and up to three values. */
typedef struct {
    const char *key, *id, *name, *domain_id;
} Relation;

static const char *
keep (Listing *l, const char *text)
{
    return text ? g_string_chunk_insert_const (l->chunk, text) : NULL;
}

static void
add (Listing *l, const KnAssignmentRow *row, Link link)
{
    g_array_append_val (l->rows, *row);
    g_array_append_val (l->links, link);
}

static bool
collect (const KnAssignmentRow *row, gpointer data, GError **error)
{
    Listing *l = data;
    const KnAssignmentRow copy = {
        .a = { keep (l, row->a.actor_type), keep (l, row->a.actor_id), keep (l, row->a.target_type),
               keep (l, row->a.target_id), keep (l, row->a.role_id), row->a.inherited },
        .role_name = keep (l, row->role_name),
        .role_domain_id = keep (l, row->role_domain_id),
        .actor_name = keep (l, row->actor_name),
        .actor_domain_id = keep (l, row->actor_domain_id),
        .target_name = keep (l, row->target_name),
        .target_domain_id = keep (l, row->target_domain_id),
    };

    add (l, &copy, (Link){ NULL, NULL });
    return true;
}

static GArray *
load_relation (Listing *l, const KnStmt *stmt, GError **error)
{
    g_autoptr (GArray) relation = g_array_new (FALSE, FALSE, sizeof (Relation));
    g_autoptr (GError) local = NULL;
    g_autoptr (KnRows) rows = kn_db_query (l->db, stmt, KN_NO_BIND, error);

    if (!rows)
        return NULL;
    while (kn_rows_next (rows, &local)) {
        const Relation r = { keep (l, kn_rows_text (rows, 0)), keep (l, kn_rows_text (rows, 1)),
                             keep (l, kn_rows_text (rows, 2)), keep (l, kn_rows_text (rows, 3)) };

        g_array_append_val (relation, r);
    }
    if (local) {
        g_propagate_error (error, g_steal_pointer (&local));
        return NULL;
    }
    return g_steal_pointer (&relation);
}

/* Replaces the rows by what @expand makes of each. */
static void
expand_rows (Listing *l, const GArray *relation,
             void (*expand) (Listing *l, const KnAssignmentRow *row, Link link,
                             const GArray *relation))
{
    g_autoptr (GArray) rows = g_steal_pointer (&l->rows);
    g_autoptr (GArray) links = g_steal_pointer (&l->links);

    l->rows = g_array_new (FALSE, FALSE, sizeof (KnAssignmentRow));
    l->links = g_array_new (FALSE, FALSE, sizeof (Link));
    for (guint i = 0; i < rows->len; i++)
        expand (l, &g_array_index (rows, KnAssignmentRow, i), g_array_index (links, Link, i),
                relation);
}

static void
expand_group (Listing *l, const KnAssignmentRow *row, Link link, const GArray *members)
{
    if (strcmp (row->a.actor_type, "group") != 0) {
        add (l, row, link);
        return;
    }
    for (guint i = 0; i < members->len; i++) {
        const Relation *member = &g_array_index (members, Relation, i);
        KnAssignmentRow user = *row;

        if (strcmp (member->key, row->a.actor_id) != 0)
            continue;
        user.a.actor_type = "user";
        user.a.actor_id = member->id;
        user.actor_name = member->name;
        user.actor_domain_id = member->domain_id;
        add (l, &user, (Link){ row->a.actor_id, NULL });
    }
}

/* ALL_PROJECTS as a relation: key is the id, id the name, name the domain, domain_id the parent. */
static bool
is_below (const GArray *projects, const char *id, const char *ancestor)
{
    for (guint depth = 0; depth < 16; depth++) {
        const char *parent = NULL;

        for (guint i = 0; i < projects->len && !parent; i++) {
            const Relation *p = &g_array_index (projects, Relation, i);

            if (p->key == id)
                parent = p->domain_id;
        }
        if (!parent)
            return false;
        if (parent == ancestor)
            return true;
        id = parent;
    }
    return false;
}

static void
expand_inherited (Listing *l, const KnAssignmentRow *row, Link link, const GArray *projects)
{
    const bool from_domain = strcmp (row->a.target_type, "domain") == 0;

    if (!row->a.inherited) {
        add (l, row, link);
        return;
    }
    for (guint i = 0; i < projects->len; i++) {
        const Relation *project = &g_array_index (projects, Relation, i);
        KnAssignmentRow there = *row;

        if (from_domain ? project->name != row->a.target_id
                        : !is_below (projects, project->key, row->a.target_id))
            continue;
        there.a.target_type = "project";
        there.a.target_id = project->key;
        there.target_name = project->id;
        there.target_domain_id = project->name;
        there.a.inherited = false;
        add (l, &there, link);
    }
}

/* A role of a domain counts only by what it implies. */
static void
expand_implied (Listing *l, const KnAssignmentRow *row, Link link, const GArray *implied)
{
    g_autoptr (GPtrArray) todo = g_ptr_array_new ();
    g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

    if (*row->role_domain_id == '\0')
        add (l, row, link);
    g_ptr_array_add (todo, (gpointer)row->a.role_id);
    while (todo->len > 0) {
        const char *prior = g_ptr_array_steal_index_fast (todo, todo->len - 1);

        for (guint i = 0; i < implied->len; i++) {
            const Relation *rule = &g_array_index (implied, Relation, i);
            KnAssignmentRow more = *row;

            if (rule->key != prior || !g_hash_table_add (seen, (gpointer)rule->id))
                continue;
            more.a.role_id = rule->id;
            more.role_name = rule->name;
            more.role_domain_id = rule->domain_id;
            add (l, &more, (Link){ link.group_id, prior });
            g_ptr_array_add (todo, (gpointer)rule->id);
        }
    }
}

static bool
make_effective (Listing *l, GError **error)
{
    static const struct {
        const KnStmt *relation;
        void (*expand) (Listing *l, const KnAssignmentRow *row, Link link, const GArray *relation);
    } steps[] = {
        { &ALL_MEMBERS, expand_group },
        { &ALL_PROJECTS, expand_inherited },
        { &ALL_IMPLIED, expand_implied },
    };

    for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
        g_autoptr (GArray) relation = load_relation (l, steps[i].relation, error);

        if (!relation)
            return false;
        expand_rows (l, relation, steps[i].expand);
    }
    return true;
}

/* --- filters --- */

static bool
asks (KnRequest *req, const char *name)
{
    const char *text = kn_request_query (req, name);
    bool value;

    return text && (!kn_parse_bool (text, &value) || value);
}

static bool
load_subtree (Listing *l, GError **error)
{
    const char *top = keep (l, kn_request_query (l->req, "scope.project.id"));
    g_autoptr (GArray) projects = NULL;

    if (!top || !asks (l->req, "include_subtree"))
        return true;
    projects = load_relation (l, &ALL_PROJECTS, error);
    if (!projects)
        return false;
    l->subtree = g_hash_table_new (g_str_hash, g_str_equal);
    g_hash_table_add (l->subtree, (gpointer)top);
    for (guint i = 0; i < projects->len; i++) {
        const char *id = g_array_index (projects, Relation, i).key;

        if (is_below (projects, id, top))
            g_hash_table_add (l->subtree, (gpointer)id);
    }
    return true;
}

static bool
target_matches (const Listing *l, const KnAssignment *a, const char *type, const char *wanted)
{
    if (!wanted)
        return true;
    if (strcmp (a->target_type, type) != 0)
        return false;
    if (l->subtree && strcmp (type, "project") == 0)
        return g_hash_table_contains (l->subtree, a->target_id);
    return strcmp (a->target_id, wanted) == 0;
}

static bool
actor_matches (const KnAssignment *a, const char *type, const char *wanted)
{
    return !wanted || (strcmp (a->actor_type, type) == 0 && strcmp (a->actor_id, wanted) == 0);
}

static bool
row_matches (const Listing *l, const KnAssignment *a)
{
    KnRequest *req = l->req;
    const char *role = kn_request_query (req, "role.id");

    return actor_matches (a, "user", kn_request_query (req, "user.id"))
           && actor_matches (a, "group", kn_request_query (req, "group.id"))
           && (!role || strcmp (a->role_id, role) == 0)
           && target_matches (l, a, "project", kn_request_query (req, "scope.project.id"))
           && target_matches (l, a, "domain", kn_request_query (req, "scope.domain.id"))
           && target_matches (l, a, "system", kn_request_query (req, "scope.system") ? "all" : NULL)
           && (!kn_request_query (req, "scope.OS-INHERIT:inherited_to") || a->inherited);
}

/* --- the view --- */

static void
write_named (const Listing *l, KnJw *w, const char *key, const char *id, const char *name,
             const char *domain_id)
{
    kn_jw_object_member (w, key);
    kn_jw_string_member (w, "id", id);
    if (asks (l->req, "include_names")) {
        kn_jw_string_member (w, "name", name);
        if (domain_id && *domain_id) {
            kn_jw_object_member (w, "domain");
            kn_jw_string_member (w, "id", domain_id);
            kn_jw_string_member (w, "name", g_hash_table_lookup (l->domains, domain_id));
            kn_jw_end (w);
        }
    }
    kn_jw_end (w);
}

static void
write_scope (const Listing *l, KnJw *w, const KnAssignmentRow *row)
{
    kn_jw_object_member (w, "scope");
    if (strcmp (row->a.target_type, "system") == 0) {
        kn_jw_object_member (w, "system");
        kn_jw_bool_member (w, "all", true);
        kn_jw_end (w);
    } else {
        write_named (l, w, row->a.target_type, row->a.target_id, row->target_name,
                     row->target_domain_id);
    }
    if (row->a.inherited)
        kn_jw_string_member (w, "OS-INHERIT:inherited_to", "projects");
    kn_jw_end (w);
}

static void
write_links (const Listing *l, KnJw *w, const KnAssignmentRow *row, Link link)
{
    const char *base = kn_request_base_url (l->req);
    const bool system = strcmp (row->a.target_type, "system") == 0;
    g_autofree char *target
        = system ? g_strdup ("system")
                 : g_strdup_printf ("%ss/%s", row->a.target_type, row->a.target_id);

    kn_jw_object_member (w, "links");
    kn_jw_format_member (w, "assignment", "%s/v3/%s%s/%ss/%s/roles/%s%s", base,
                         row->a.inherited ? "OS-INHERIT/" : "", target,
                         link.group_id ? "group" : row->a.actor_type,
                         link.group_id ? link.group_id : row->a.actor_id,
                         link.prior_role_id ? link.prior_role_id : row->a.role_id,
                         row->a.inherited ? "/inherited_to_projects" : "");
    if (link.group_id)
        kn_jw_format_member (w, "membership", "%s/v3/groups/%s/users/%s", base, link.group_id,
                             row->a.actor_id);
    if (link.prior_role_id)
        kn_jw_format_member (w, "prior_role", "%s/v3/roles/%s/implies/%s", base, link.prior_role_id,
                             row->a.role_id);
    kn_jw_end (w);
}

static void
write_row (const Listing *l, KnJw *w, const KnAssignmentRow *row, Link link)
{
    kn_jw_object (w);
    write_named (l, w, "role", row->a.role_id, row->role_name, row->role_domain_id);
    write_named (l, w, row->a.actor_type, row->a.actor_id, row->actor_name, row->actor_domain_id);
    write_scope (l, w, row);
    write_links (l, w, row, link);
    kn_jw_end (w);
}

/* Effective rows may come by several ways; one is enough. */
static bool
is_first (GHashTable *seen, const KnAssignment *a)
{
    return g_hash_table_add (seen, g_strconcat (a->actor_id, "/", a->target_type, "/", a->target_id,
                                                "/", a->role_id, a->inherited ? "+" : "",
                                                a->actor_type, NULL));
}

static void
write_rows (const Listing *l, KnJw *w)
{
    g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

    kn_entity_begin_list (w, "role_assignments");
    for (guint i = 0; i < l->rows->len; i++) {
        const KnAssignmentRow *row = &g_array_index (l->rows, KnAssignmentRow, i);

        if (row_matches (l, &row->a) && is_first (seen, &row->a))
            write_row (l, w, row, g_array_index (l->links, Link, i));
    }
    kn_entity_end_list (w, l->req);
}

static bool
load_domains (Listing *l, GError **error)
{
    g_autoptr (GArray) domains = load_relation (l, &ALL_DOMAINS, error);

    if (!domains)
        return false;
    for (guint i = 0; i < domains->len; i++) {
        const Relation *domain = &g_array_index (domains, Relation, i);

        g_hash_table_insert (l->domains, (gpointer)domain->key, (gpointer)domain->id);
    }
    return true;
}

static bool
load_all (KnDb *db, gpointer data, GError **error)
{
    Listing *l = data;

    g_array_set_size (l->rows, 0); /* a transaction may run twice */
    g_array_set_size (l->links, 0);
    return load_domains (l, error) && load_subtree (l, error)
           && kn_assignments_each (db, collect, l, error)
           && (!asks (l->req, "effective") || make_effective (l, error));
}

static bool
list_assignments (KnRequest *req, GError **error)
{
    const KnIdentity *identity = kn_request_service (req);
    g_autoptr (KnJw) w = kn_jw_new ();
    Listing l = {
        .req = req,
        .db = kn_db_thread (identity->db, error),
        .chunk = g_string_chunk_new (4096),
        .rows = g_array_new (FALSE, FALSE, sizeof (KnAssignmentRow)),
        .links = g_array_new (FALSE, FALSE, sizeof (Link)),
        .domains = g_hash_table_new (g_str_hash, g_str_equal),
    };
    bool ok = l.db && kn_db_read_txn (l.db, load_all, &l, error);

    if (ok) {
        write_rows (&l, w);
        kn_request_reply_json (req, 200, w);
    }
    g_clear_pointer (&l.subtree, g_hash_table_unref);
    g_hash_table_unref (l.domains);
    g_array_unref (l.links);
    g_array_unref (l.rows);
    g_string_chunk_free (l.chunk);
    return ok;
}

static const KnRoute routes[] = {
    { "GET", "/v3/role_assignments", list_assignments, .role = KN_ROLE_ADMIN, .run = KN_WORKER },
};
const KnRouteTable kn_identity_assignment_routes = { routes, G_N_ELEMENTS (routes) };
