/* SPDX-License-Identifier: Apache-2.0 */
/* What networks, subnets, ports, groups and rules have in common: a record described by a table of attributes. The table drives
 * reading of bodies, views, filters, sorting and freeing. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "db/db.h"

/* An integer attribute that is null. */
#define KN_NO_INT G_MININT64

typedef struct KnResource KnResource;

/* Every record begins with this. */
typedef struct {
    const KnResource *resource;
    char *id, *project_id, *name, *description, *created_at, *updated_at;
    gint64 revision;
    char **tags;
    guint64 present; /* bit i: the i-th attribute stood in the request */
} KnObject;

/* An entry of a list of small objects: a range of addresses, a route, an address of a port. Either may be NULL. */
typedef struct {
    char *first, *second;
} KnPair;

KnPair *kn_pair_new (const char *first, const char *second);
void kn_pair_free (KnPair *pair);
GPtrArray *kn_pairs_new (void);

typedef enum {
    KN_ATTR_TEXT,    /* char * */
    KN_ATTR_TIME,    /* char *: a time as the database spells it */
    KN_ATTR_BOOL,    /* bool */
    KN_ATTR_INT,     /* gint64, KN_NO_INT: null */
    KN_ATTR_LINES,   /* char **: a list of strings */
    KN_ATTR_PAIRS,   /* GPtrArray of KnPair: a list of objects with two members */
    KN_ATTR_JSON,    /* char *: text of a JSON object */
    KN_ATTR_RECORDS, /* GPtrArray of records of .nested */
    KN_ATTR_N
} KnAttrType;

enum {
    KN_A_POST = 1 << 0, /* may be set at creation */
    KN_A_PUT = 1 << 1,  /* may be changed */
    KN_A_SET = KN_A_POST | KN_A_PUT,
    KN_A_REQUIRED = 1 << 2,
    KN_A_NULL = 1 << 3,      /* null may be sent */
    KN_A_ADMIN_SET = 1 << 4, /* only administrators may set it */
    KN_A_ADMIN_SEE = 1 << 5, /* only administrators see it */
    KN_A_NUMBER = 1 << 8,    /* TEXT: a number may be sent as well */
    KN_A_PARTIAL = 1 << 7,   /* PAIRS: either member may be missing */
    KN_A_ALIAS = 1 << 6,     /* another name of an attribute that stands elsewhere in the table */
};

/* Checks a text and writes its canonical spelling (caller frees). False: not valid. */
typedef bool (*KnNormalise) (const char *text, char **out_text);

typedef struct {
    const char *name;
    KnAttrType type;
    gsize offset;
    guint flags;
    gint64 min,
        max; /* range of an INT; TEXT: most characters (0: 255); lists: most entries (0: 100) */
    KnNormalise normalise;      /* TEXT, and entries of LINES */
    const char *what;           /* what .normalise takes, for messages: "an IP address" */
    const char *const *choices; /* TEXT: NULL-terminated */
    const char *keys[2];        /* PAIRS: names of the members */
    KnNormalise parts[2];       /* PAIRS: their checks */
    const KnResource *nested;   /* RECORDS */
} KnAttr;

/* Who is asking. */
typedef struct {
    const char *project_id;
    bool admin;
} KnScope;

typedef struct KnEffects KnEffects;

struct KnResource {
    const char *name, *plural; /* "security_group", "security_groups" */
    const char *title;         /* for messages: "security group" */
    const char *not_found;     /* error type: "SecurityGroupNotFound" */
    const char *quota;         /* NULL: not counted */
    gsize size;
    const KnAttr *attrs;
    gsize n_attrs;
    void (*init) (KnObject *object); /* defaults of a new one */
    /* Appends those that @scope may see. */
    bool (*list) (KnDb *db, const KnScope *scope, GPtrArray *objects, GError **error);
    /* The one with @id, whoever owns it; NULL without error: none. */
    KnObject *(*find) (KnDb *db, const char *id, GError **error);
    bool (*visible) (KnDb *db, const KnScope *scope, const KnObject *object);
    /* Called in a transaction. What has to follow on the host is noted in @effects. */
    bool (*create) (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects,
                    GError **error);
    bool (*update) (KnDb *db, const KnScope *scope, KnObject *object, KnObject *change,
                    KnEffects *effects, GError **error);
    bool (*remove) (KnDb *db, const KnScope *scope, KnObject *object, KnEffects *effects,
                    GError **error);
};

gpointer kn_object_new (const KnResource *resource);
void kn_object_free (gpointer object);

/* An array that frees its objects. */
GPtrArray *kn_objects_new (void);

/* Whether the request that @object was read from carries @attribute. */
bool kn_object_has (const KnObject *object, const char *attribute);

/* Moves the attributes that @change carries into @object. */
void kn_object_apply (KnObject *object, KnObject *change);

const KnAttr *kn_attr_find (const KnResource *resource, const char *name);

/* Gives a new object its id, times and revision; an updated one its time and next revision. */
void kn_object_stamp (KnObject *object);

/* Orders two objects by one attribute. */
int kn_attr_compare (const KnAttr *attr, const KnObject *a, const KnObject *b);

/* Whether @object has @value in @attr, as a list filter spells it. PAIRS take "member=value". */
bool kn_attr_match (const KnAttr *attr, const KnObject *object, const char *value);

/* ---- columns: how a record's members stand in its table, in the order of all of its statements ---- */

typedef enum { KN_COL_TEXT, KN_COL_INT, KN_COL_BOOL, KN_COL_LINES, KN_COL_PAIRS } KnColumnType;

typedef struct {
    KnColumnType type;
    gsize offset;
} KnColumn;

/* Reads @n columns of the current row, from column @first on, into @record. */
void kn_columns_read (KnRows *rows, guint first, const KnColumn *columns, gsize n, gpointer record);

/* Reads all @rows into new objects of @resource, appended to @objects. */
bool kn_columns_read_all (KnRows *rows, const KnResource *resource, const KnColumn *columns,
                          gsize n, GPtrArray *objects, GError **error);

/* Runs an INSERT with the columns' values. */
bool kn_columns_insert (KnDb *db, const KnStmt *stmt, const KnColumn *columns, gsize n,
                        gconstpointer record, GError **error);

/* Runs an UPDATE with the columns' values and, behind them, the revision that @object had before kn_object_stamp().
 * Errors: CONFLICT (public) if somebody was faster. */
bool kn_columns_update (KnDb *db, const KnStmt *stmt, const KnColumn *columns, gsize n,
                        const KnObject *object, GError **error);

/* Whether @rows ended without error; a failure is moved from @local to @error. */
bool kn_rows_ended (GError **local, GError **error);
