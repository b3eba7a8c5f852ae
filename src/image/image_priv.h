/* SPDX-License-Identifier: Apache-2.0 */
/* Images inside this folder: the row, its attributes, what callers may do, and the statements. */
#pragma once

#include "image/image.h"
#include "image/store.h"

/* Kept for each of an image's lists whatever the configuration says. */
#define KN_IMAGE_MAX_TAGS 128
#define KN_IMAGE_MAX_MEMBERS 128
#define KN_IMAGE_MAX_PROPERTY_NAME 255
#define KN_IMAGE_MAX_PROPERTY_BYTES (64 * KIB)
#define KN_IMAGE_PAGE_DEFAULT 25
#define KN_IMAGE_PAGE_MAX 1000

struct KnImages {
    KnDbPool *db;
    KnStore *store;
    guint64 max_size, max_project_bytes;
    guint max_properties, max_images;
    KnService service;

    KnJobs *jobs; /* NULL: nothing is inspected */
    KnImageInspectMode inspect_mode;
    guint inspect_timeout_s, inspect_parallel;
    char *inspect_cache;
    gint inspecting; /* atomic */
};

/* An image as it is stored. `size` and `virtual_size` are -1 while unknown. */
typedef struct {
    gint64 seq;
    char *id, *name, *status, *owner, *visibility;
    char *disk_format, *declared_format, *container_format;
    char *checksum, *os_hash_algo, *os_hash_value;
    gint64 size, virtual_size, min_disk, min_ram;
    bool is_protected, os_hidden;
    char *created_at, *updated_at;
    GHashTable *properties; /* char* -> char* */
    GPtrArray *tags;        /* of char*, sorted */
} KnImageRow;

KnImageRow *kn_image_row_new (void);
void kn_image_row_free (KnImageRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImageRow, kn_image_row_free)

/* -- attributes: image_attr.c -------------------------------------------------------------- */

typedef enum {
    KN_ATTR_STRING,
    KN_ATTR_ENUM, /* a string of .choices */
    KN_ATTR_UUID,
    KN_ATTR_INT,
    KN_ATTR_BOOL,
    KN_ATTR_TIME,
    KN_ATTR_TAGS,
    KN_ATTR_LINK, /* made from the id */
} KnImageAttrType;

enum {
    KN_ATTR_SET = 1 << 0,      /* clients may set it at create and later */
    KN_ATTR_CREATE = 1 << 1,   /* clients may set it at create only */
    KN_ATTR_ADMIN = 1 << 2,    /* only admin may set it */
    KN_ATTR_QUEUED = 1 << 3,   /* may change only until there are bytes */
    KN_ATTR_NULLABLE = 1 << 4, /* null is a value */
    KN_ATTR_SORT = 1 << 5,     /* a list may be sorted by it */
    KN_ATTR_IN = 1 << 6,       /* a filter may say in:a,b */
    KN_ATTR_HIDDEN = 1 << 7,   /* reserved word: never shown, never taken */
};

typedef struct {
    const char *name;
    KnImageAttrType type;
    gsize offset; /* in KnImageRow */
    guint flags;
    guint max; /* characters */
    const char *const *choices;
    const char *description;
} KnImageAttr;

/* All attributes that are no custom properties, in the order in which they are shown. */
const KnImageAttr *kn_image_attrs (gsize *out_n);
const KnImageAttr *kn_image_attr_find (const char *name);

static inline char **
kn_image_attr_string (const KnImageAttr *attr, const KnImageRow *row)
{
    return (char **)((char *)row + attr->offset);
}
static inline gint64 *
kn_image_attr_int (const KnImageAttr *attr, const KnImageRow *row)
{
    return (gint64 *)((char *)row + attr->offset);
}
static inline bool *
kn_image_attr_bool (const KnImageAttr *attr, const KnImageRow *row)
{
    return (bool *)((char *)row + attr->offset);
}

/* -- rules: image.c ------------------------------------------------------------------------ */

/* Loads the image that @auth may see. Errors (public): NOT_FOUND. */
KnImageRow *kn_image_row_load (KnDb *db, const char *id, const KnAuth *auth, GError **error);
/* As above, and @auth may change it. Errors (public): NOT_FOUND, FORBIDDEN. */
KnImageRow *kn_image_row_load_own (KnDb *db, const char *id, const KnAuth *auth, GError **error);
bool kn_image_is_owner (const KnImageRow *row, const KnAuth *auth);

/* Checks a new or changed row as a whole: counts, sizes, formats that exclude each other. Errors (public). */
bool kn_image_check (const KnImages *images, const KnImageRow *row, GError **error);

/* Whether an action (deactivate, reactivate) may lead from one state to the other; uploads move images by kn_image_store_*(). */
bool kn_image_status_may (const char *from, const char *to);

/* Room for one more image, or for @bytes more, in the project @project_id. Errors (public): OVER_QUOTA. */
bool kn_image_check_quota (const KnImages *images, KnDb *db, const char *project_id,
                           guint new_images, guint64 bytes, GError **error);

/* -- bytes on their way in: image_put.c ---------------------------------------------------- */

/* As kn_image_put_begin() for a row that the caller has loaded, and takes over on success. @announced: bytes that are said to come,
 * 0: nobody said. */
KnImagePut *kn_image_put_new (KnImages *images, KnDb *db, KnImageRow **row, guint64 announced,
                              GError **error);
/* Ends the claim, if there is one: without success the image is queued again and no bytes stay. Repeatable. */
void kn_image_put_give_back (KnImagePut *put);
const KnImageRow *kn_image_put_row (const KnImagePut *put);

/* An upload that died leaves the row `saving`, perhaps bytes under a temporary name, perhaps bytes under the id: the image is
 * queued again. One that is under way, or none, is left alone. */
bool kn_image_recover_upload (KnImages *images, KnDb *db, const char *id, GError **error);

/* What is probably wrong with an image (image_warnings.c). */
typedef struct {
    char *property, *value, *message, *suggestion; /* suggestion may be NULL */
} KnImageWarning;
/* Array of KnImageWarning, empty if nothing is wrong; unref frees. */
GPtrArray *kn_image_warnings (const KnImageRow *row);
void kn_image_warning_free (gpointer warning);

/* -- statements: image_store.c ------------------------------------------------------------- */

/* Which images a list may show. */
typedef struct {
    const char *project_id;    /* NULL: every image, the caller is admin */
    const char *member_status; /* of images shared with the project: "accepted", … or "all" */
    bool community;            /* also community images of others */
} KnImageScope;

KnImageRow *kn_image_store_find (KnDb *db, const char *id, GError **error);
bool kn_image_store_insert (KnDb *db, KnImageRow *row, GError **error);
/* Writes all that clients may change, and the time of the change. */
bool kn_image_store_update (KnDb *db, const KnImageRow *row, GError **error);
/* Moves an image that is not deleted from @from to @to; *@out_moved false: it was not in @from. */
bool kn_image_store_move (KnDb *db, const char *id, const char *from, const char *to,
                          bool *out_moved, GError **error);
/* Ends an upload: saving becomes active with what was measured. *@out_moved false: deleted meanwhile. */
bool kn_image_store_activate (KnDb *db, const KnImageRow *row, bool *out_moved, GError **error);
/* Up to @limit (64 at most) images older than @before_seq, newest first, with properties and tags. */
GPtrArray *kn_image_store_list (KnDb *db, const KnImageScope *scope, gint64 before_seq, guint limit,
                                GError **error);
/* Takes the image out of the API: *@out_moved false: it was gone already. In a transaction. */
bool kn_image_store_delete (KnDb *db, const char *id, bool *out_moved, GError **error);
/* The bytes of a deleted image are gone. */
bool kn_image_store_bury (KnDb *db, const char *id, GError **error);
/* Ids of images in @status (also deleted ones), of deleted ones only those that nothing uses. Array of char*. */
GPtrArray *kn_image_store_list_ids (KnDb *db, const char *status, GError **error);
/* What a project has: images and their bytes. */
bool kn_image_store_usage (KnDb *db, const char *project_id, gint64 *out_images, gint64 *out_bytes,
                           GError **error);

/* -- members: member_store.c --------------------------------------------------------------- */

typedef struct {
    char *image_id, *member, *status, *created_at, *updated_at;
} KnImageMember;
void kn_image_member_free (KnImageMember *member);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImageMember, kn_image_member_free)

KnImageMember *kn_image_member_find (KnDb *db, const char *image_id, const char *member,
                                     GError **error);
GPtrArray *kn_image_member_list (KnDb *db, const char *image_id, GError **error);
bool kn_image_member_insert (KnDb *db, const char *image_id, const char *member, GError **error);
bool kn_image_member_set_status (KnDb *db, const char *image_id, const char *member,
                                 const char *status, GError **error);
bool kn_image_member_delete (KnDb *db, const char *image_id, const char *member, bool *out_found,
                             GError **error);

/* -- the API's parts ----------------------------------------------------------------------- */

/* Shows @row (image_view.c). */
void kn_image_write (KnJw *w, const KnImageRow *row);

/* Sets or removes one attribute or property of a row (image_edit_api.c); @creating: the image is being made. */
typedef struct {
    const KnAuth *auth;
    bool creating;
} KnImageEditor;
bool kn_image_edit_set (KnImageRow *row, const KnImageEditor *editor, const char *name,
                        const json_t *value, GError **error);
bool kn_image_edit_remove (KnImageRow *row, const char *name, GError **error);
bool kn_image_edit_patch (KnImageRow *row, const KnImageEditor *editor, const json_t *document,
                          bool v20, GError **error);

/* A list request (image_query.c, image_list.c): what the query asks for. */
typedef struct KnImageQuery KnImageQuery;
KnImageQuery *kn_image_query_parse (const KnRequest *req, GError **error);
void kn_image_query_free (KnImageQuery *query);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnImageQuery, kn_image_query_free)
/* The page as an array of KnImageRow; *@out_more: there are more. Errors (public): BAD_REQUEST for the marker. */
GPtrArray *kn_image_query_run (const KnImageQuery *query, KnDb *db, const KnAuth *auth,
                               bool *out_more, GError **error);

/* Appends the request's query to @url, without its marker: the address of this list from its beginning. */
void kn_image_append_query (const KnRequest *req, GString *url);

/* Handlers, one group a file. */
bool kn_metadef_api_schema (KnRequest *req, GError **error);
bool kn_metadef_api_list (KnRequest *req, GError **error);
bool kn_metadef_api_show (KnRequest *req, GError **error);
bool kn_metadef_api_properties (KnRequest *req, GError **error);
bool kn_metadef_api_property (KnRequest *req, GError **error);
bool kn_metadef_api_associations (KnRequest *req, GError **error);
bool kn_metadef_api_empty (KnRequest *req, GError **error);
bool kn_metadef_api_missing (KnRequest *req, GError **error);
bool kn_metadef_api_types (KnRequest *req, GError **error);
bool kn_metadef_api_refuse (KnRequest *req, GError **error);
bool kn_image_api_versions (KnRequest *req, GError **error);
bool kn_image_api_schema (KnRequest *req, GError **error);
bool kn_image_api_no_id (KnRequest *req, GError **error);
bool kn_image_api_list (KnRequest *req, GError **error);
bool kn_image_api_create (KnRequest *req, GError **error);
bool kn_image_api_show (KnRequest *req, GError **error);
bool kn_image_api_patch (KnRequest *req, GError **error);
bool kn_image_api_delete (KnRequest *req, GError **error);
bool kn_image_api_tag_put (KnRequest *req, GError **error);
bool kn_image_api_tag_delete (KnRequest *req, GError **error);
bool kn_image_api_action (KnRequest *req, GError **error);
bool kn_image_api_warnings (KnRequest *req, GError **error);
bool kn_image_api_download (KnRequest *req, GError **error);
extern const KnBodySink kn_image_upload_sink;
bool kn_image_api_members (KnRequest *req, GError **error);
bool kn_image_api_member_create (KnRequest *req, GError **error);
bool kn_image_api_member_show (KnRequest *req, GError **error);
bool kn_image_api_member_update (KnRequest *req, GError **error);
bool kn_image_api_member_delete (KnRequest *req, GError **error);
