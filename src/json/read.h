/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in: parse with caps, then a field table into a struct. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC (json_t, json_decref)

#define KN_JSON_MAX_DEPTH 32

typedef enum {
    KN_J_STRING, /* const char * (borrowed from the document); min and max count characters */
    KN_J_INT,    /* gint64; min and max; KN_J_LENIENT also takes a decimal string, as Nova does */
    KN_J_BOOL,   /* bool; KN_J_LENIENT also takes Nova's boolean spellings */
    KN_J_ENUM,   /* int, index into .names */
    KN_J_UUID,   /* const char *, checked */
    KN_J_OBJECT, /* json_t * (borrowed) */
    KN_J_ARRAY,  /* json_t * (borrowed); min and max count elements */
    KN_J_ANY,    /* json_t * (borrowed) */
} KnJType;

enum {
    KN_J_OPTIONAL = 1 << 0, /* may be missing: the struct keeps what it held */
    KN_J_NULLABLE = 1 << 1, /* null is taken as missing, but the field's bit in .present is set */
    KN_J_LENIENT = 1 << 2,
};

typedef struct {
    const char *name;
    KnJType type;
    gsize offset;             /* offsetof (Struct, member) */
    gint64 min, max;          /* both 0: 0..255 characters for strings, no bound for integers */
    const char *const *names; /* KN_J_ENUM: NULL-terminated */
    guint flags;
} KnJField;

typedef struct {
    const KnJField *fields;
    gsize n_fields;
    gsize
        present_offset; /* offsetof (Struct, present): a guint64 whose bit i says that fields[i] was there */
    bool closed; /* unknown keys are BAD_REQUEST */
} KnJShape;

/* Parses @len bytes. Errors (public, BAD_REQUEST): syntax with line and column, duplicate keys, depth, bytes after the end, NUL characters.
 * Caller owns the document (json_decref). */
json_t *kn_json_parse (const char *bytes, gsize len, GError **error);

/* Fills @out_struct from @object by @shape. @where names the object in messages ("server"). Strings stay owned by the document.
 * Errors (public, BAD_REQUEST) name the field, what was wrong and what is allowed. */
bool kn_json_read (const json_t *object, const char *where, const KnJShape *shape,
                   gpointer out_struct, GError **error);

/* The member object @key of @body, which OpenStack wraps its bodies in ({"server": {…}}). Borrowed. Errors (public): BAD_REQUEST. */
json_t *kn_json_unwrap (const json_t *body, const char *key, GError **error);
