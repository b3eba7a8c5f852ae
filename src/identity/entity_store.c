/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing entities by their statements. */
#include "identity/entity.h"

#include "base/error.h"

#include <string.h>

KnEntity *
kn_entity_new (const KnResource *resource, char *id)
{
    KnEntity *entity = g_new0 (KnEntity, 1);

    entity->resource = resource;
    entity->id = id;
    for (guint i = 0; i < resource->n_attrs; i++)
        entity->values[i] = g_strdup (resource->attrs[i].otherwise);
    entity->extra = g_strdup ("{}");
    return entity;
}

void
kn_entity_free (KnEntity *entity)
{
    if (!entity)
        return;
    g_free (entity->id);
    for (guint i = 0; i < entity->resource->n_attrs; i++)
        g_free (entity->values[i]);
    g_free (entity->extra);
    g_free (entity);
}

static guint
find_attr (const KnEntity *entity, const char *name)
{
    for (guint i = 0; i < entity->resource->n_attrs; i++) {
        if (strcmp (entity->resource->attrs[i].name, name) == 0)
            return i;
    }
    g_error ("'%s' has no attribute '%s'", entity->resource->singular, name);
}

const char *
kn_entity_get (const KnEntity *entity, const char *name)
{
    return entity->values[find_attr (entity, name)];
}

bool
kn_entity_is_given (const KnEntity *entity, const char *name)
{
    return entity->given & (1U << find_attr (entity, name));
}

void
kn_entity_take (KnEntity *entity, const char *name, char *value)
{
    const guint i = find_attr (entity, name);

    g_free (entity->values[i]);
    entity->values[i] = value;
}

static KnEntity *
read_row (KnRows *rows, const KnResource *resource)
{
    KnEntity *entity = g_new0 (KnEntity, 1);

    entity->resource = resource;
    entity->id = kn_rows_dup (rows, 0);
    guint column = 1;
    for (guint i = 0; i < resource->n_attrs; i++) {
        if (!(resource->attrs[i].flags & KN_ATTR_VIRTUAL))
            entity->values[i] = kn_rows_dup (rows, column++);
    }
    entity->extra = kn_rows_dup (rows, column);
    return entity;
}

KnEntity *
kn_entity_find (KnDb *db, const KnResource *resource, const char *id, GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, resource->select, KN_BIND (kn_text (id)), error);

    return rows && kn_rows_next (rows, error) ? read_row (rows, resource) : NULL;
}

KnEntity *
kn_entity_load (KnDb *db, const KnResource *resource, const char *id, GError **error)
{
    g_autoptr (GError) local = NULL;
    KnEntity *entity = kn_entity_find (db, resource, id, &local);

    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    else if (!entity)
        kn_error_public (error, KN_ERROR_NOT_FOUND, "Could not find %s: %s.", resource->singular,
                         id);
    return entity;
}

/* The values of attributes and extra from @at on; returns the next free place. */
static guint
bind_attrs (const KnEntity *entity, KnValue *values, guint at)
{
    const KnResource *resource = entity->resource;

    for (guint i = 0; i < resource->n_attrs; i++) {
        const char *text = entity->values[i];

        if (resource->attrs[i].flags & KN_ATTR_VIRTUAL)
            continue;
        values[at++] = resource->attrs[i].type == KN_ATTR_BOOL && text
                           ? kn_int (strcmp (text, "0") != 0)
                           : kn_text (text);
    }
    values[at++] = kn_text (entity->extra);
    return at;
}

/* Turns a broken unique key into a sentence. */
static bool
explain_conflict (const KnEntity *entity, GError *local, GError **error)
{
    if (!g_error_matches (local, KN_ERROR, KN_ERROR_CONFLICT) || kn_error_is_public (local)) {
        g_propagate_error (error, local);
        return false;
    }
    g_error_free (local);
    kn_error_public (error, KN_ERROR_CONFLICT, "There is another %s with this name or id already.",
                     entity->resource->singular);
    return false;
}

typedef struct {
    KnEntity *entity;
    const KnEntity *old;
} Change;

static bool
write_new (KnDb *db, gpointer data, GError **error)
{
    KnEntity *entity = ((Change *)data)->entity;
    const KnResource *resource = entity->resource;
    g_autofree char *now = kn_db_now ();
    KnValue values[KN_ENTITY_MAX_ATTRS + 3];
    g_autoptr (GError) local = NULL;
    guint n;

    if (resource->check && !resource->check (db, entity, NULL, error))
        return false;
    values[0] = kn_text (entity->id);
    n = bind_attrs (entity, values, 1);
    values[n++] = kn_text (now);
    if (!kn_db_exec (db, resource->insert, values, n, NULL, &local))
        return explain_conflict (entity, g_steal_pointer (&local), error);
    return !resource->written || resource->written (db, entity, NULL, error);
}

bool
kn_entity_create (KnDb *db, KnEntity *entity, GError **error)
{
    return kn_db_txn (db, write_new, &(Change){ entity, NULL }, error);
}

static bool
write_changed (KnDb *db, gpointer data, GError **error)
{
    const Change *change = data;
    KnEntity *entity = change->entity;
    const KnResource *resource = entity->resource;
    KnValue values[KN_ENTITY_MAX_ATTRS + 3];
    g_autoptr (GError) local = NULL;
    guint n;

    if (resource->check && !resource->check (db, entity, change->old, error))
        return false;
    n = bind_attrs (entity, values, 0);
    values[n++] = kn_text (entity->id);
    if (!kn_db_exec (db, resource->update, values, n, NULL, &local))
        return explain_conflict (entity, g_steal_pointer (&local), error);
    return !resource->written || resource->written (db, entity, change->old, error);
}

bool
kn_entity_update (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error)
{
    return kn_db_txn (db, write_changed, &(Change){ entity, old }, error);
}

typedef struct {
    const KnResource *resource;
    const char *id;
} Removal;

static bool
remove_one (KnDb *db, gpointer data, GError **error)
{
    const Removal *removal = data;
    g_autoptr (KnEntity) entity = kn_entity_load (db, removal->resource, removal->id, error);

    return entity
           && (!removal->resource->removing || removal->resource->removing (db, entity, error))
           && kn_db_exec (db, removal->resource->remove, KN_BIND (kn_text (entity->id)), NULL,
                          error);
}

bool
kn_entity_remove (KnDb *db, const KnResource *resource, const char *id, GError **error)
{
    return kn_db_txn (db, remove_one, &(Removal){ resource, id }, error);
}

bool
kn_entity_each (KnDb *db, const KnResource *resource,
                bool (*visit) (KnEntity *entity, gpointer data, GError **error), gpointer data,
                GError **error)
{
    g_autoptr (KnRows) rows = kn_db_query (db, resource->list, KN_NO_BIND, error);
    g_autoptr (GError) local = NULL;

    if (!rows)
        return false;
    while (kn_rows_next (rows, &local)) {
        g_autoptr (KnEntity) entity = read_row (rows, resource);

        if (!visit (entity, data, error))
            return false;
    }
    if (local)
        g_propagate_error (error, g_steal_pointer (&local));
    return local == NULL;
}
