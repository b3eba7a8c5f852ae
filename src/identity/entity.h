/* SPDX-License-Identifier: Apache-2.0 */
/* What domains, projects, users, groups, roles, regions, services and endpoints have in common: a table of attributes, an
 * object of extra ones that is kept as it came, and create, list, show, update and delete over five statements. */
#pragma once

#include "identity/identity_priv.h"

#define KN_ENTITY_MAX_ATTRS 8

typedef enum { KN_ATTR_TEXT, KN_ATTR_BOOL } KnAttrType;

enum {
    KN_ATTR_REQUIRED = 1 << 0, /* at creation */
    KN_ATTR_NULLABLE = 1 << 1, /* null is a value */
    KN_ATTR_FIXED = 1 << 2,    /* set at creation; later only the same value is taken */
    KN_ATTR_SECRET = 1 << 3,   /* never shown, never filtered by */
    KN_ATTR_VIRTUAL = 1 << 5,  /* shown as null, has no column */
    KN_ATTR_EMPTY
    = 1
      << 4, /* '' is a value; null is taken for it, and where it is NULLABLE too it is shown as null */
};

typedef struct {
    const char *name;
    KnAttrType type;
    guint max; /* characters */
    guint flags;
    const char *otherwise; /* value of a new one that does not say; NULL: NULL */
} KnAttr;

typedef struct KnResource KnResource;

/* One object. Values are texts, booleans "0" or "1", NULL is SQL's. */
typedef struct {
    const KnResource *resource;
    char *id;
    char *values[KN_ENTITY_MAX_ATTRS]; /* as resource->attrs */
    guint given;                       /* bit i: the body had attribute i */
    char *extra;                       /* JSON object */
    const json_t *body;                /* that it was read from, or NULL */
} KnEntity;

void kn_entity_free (KnEntity *entity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnEntity, kn_entity_free)

struct KnResource {
    const char *singular, *plural; /* "project", "projects": keys of bodies and part of the path */
    const KnAttr *attrs;
    guint n_attrs;
    /* Columns and values: id, the attributes in order, extra. insert has created_at behind; update id. list has the same columns. */
    const KnStmt *insert, *update, *select, *list, *remove;
    char *(*new_id) (void);
    const char *const
        *elsewhere; /* members of the body that are not kept in extra; NULL-terminated, or NULL */

    /* All may be NULL. @old is NULL for a new one. */
    /* Outside of a transaction: defaults that come from the caller, hashes. */
    bool (*prepare) (KnRequest *req, KnEntity *entity, const KnEntity *old, GError **error);
    /* Inside of the transaction, before the row is written: references, rules. */
    bool (*check) (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error);
    /* Inside of the transaction, after it: what stands in other tables. */
    bool (*written) (KnDb *db, const KnEntity *entity, const KnEntity *old, GError **error);
    /* Inside of the transaction: may it go, and what goes with it. */
    bool (*removing) (KnDb *db, const KnEntity *entity, GError **error);
    /* More members of the view. */
    bool (*write_more) (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error);
    /* Whether it belongs into the list that @req asks for, beyond the attributes. */
    bool (*matches) (KnRequest *req, KnDb *db, const KnEntity *entity);
    /* Whether the caller may see it without being admin. */
    bool (*may_show) (KnRequest *req, const KnEntity *entity);
    /* Objects that are not stored, for list and show. */
    void (*each_builtin) (KnRequest *req, void (*visit) (KnEntity *entity, gpointer data),
                          gpointer data);
};

/* The value of an attribute; asking for one that is not in the table is our mistake. */
const char *kn_entity_get (const KnEntity *entity, const char *name);
bool kn_entity_is_given (const KnEntity *entity, const char *name);
void kn_entity_take (KnEntity *entity, const char *name, char *value);

/* Store. kn_entity_find(): NULL without error: there is none. */
KnEntity *kn_entity_find (KnDb *db, const KnResource *resource, const char *id, GError **error);
KnEntity *kn_entity_load (KnDb *db, const KnResource *resource, const char *id, GError **error);
bool kn_entity_create (KnDb *db, KnEntity *entity, GError **error);
bool kn_entity_update (KnDb *db, KnEntity *entity, const KnEntity *old, GError **error);
bool kn_entity_remove (KnDb *db, const KnResource *resource, const char *id, GError **error);
bool kn_entity_each (KnDb *db, const KnResource *resource,
                     bool (*visit) (KnEntity *entity, gpointer data, GError **error), gpointer data,
                     GError **error);
KnEntity *kn_entity_new (const KnResource *resource, char *id);

/* Writes {…}, the view. */
bool kn_entity_write (KnJw *w, KnRequest *req, KnDb *db, const KnEntity *entity, GError **error);

/* What the handlers below do, for a resource that is chosen at run time. */
bool kn_entity_do_create (KnRequest *req, const KnResource *resource, GError **error);
bool kn_entity_do_list (KnRequest *req, const KnResource *resource, GError **error);
bool kn_entity_do_show (KnRequest *req, const KnResource *resource, GError **error);
bool kn_entity_do_update (KnRequest *req, const KnResource *resource, GError **error);
bool kn_entity_do_remove (KnRequest *req, const KnResource *resource, GError **error);

/* Handlers; KnRoute.data is the KnResource, the id is the parameter {id}. */
bool kn_entity_handle_create (KnRequest *req, GError **error);
bool kn_entity_handle_list (KnRequest *req, GError **error);
bool kn_entity_handle_show (KnRequest *req, GError **error);
bool kn_entity_handle_update (KnRequest *req, GError **error);
bool kn_entity_handle_remove (KnRequest *req, GError **error);

/* Answers {"<singular>": view} for the object as it is stored now. */
bool kn_entity_reply (KnRequest *req, const KnResource *resource, const char *id, guint status,
                      GError **error);

/* Starts and ends {"<plural>": […], "links": {…}}. */
void kn_entity_begin_list (KnJw *w, const char *plural);
void kn_entity_end_list (KnJw *w, KnRequest *req);

/* Answers the list of the entities with @ids. */
bool kn_identity_reply_entities (KnRequest *req, KnDb *db, const KnResource *resource,
                                 const GPtrArray *ids, GError **error);

/* Answers the list of projects or domains on which the user has a role. */
bool kn_identity_reply_reachable (KnRequest *req, KnDb *db, const char *user_id, KnScope scope,
                                  GError **error);

/* kn_domain_projects: domains as Identity v3 shows them among the projects (is_domain). */
extern const KnResource kn_domain_projects;
extern const KnResource kn_domains, kn_projects, kn_users, kn_groups, kn_roles, kn_regions,
    kn_services, kn_endpoints;
