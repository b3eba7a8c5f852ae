/* SPDX-License-Identifier: Apache-2.0 */
/* What the query of a list asks for; for image_query.c and image_list.c. */
#pragma once

#include "image/image_priv.h"

typedef enum {
    KN_FILTER_EQ,
    KN_FILTER_NEQ,
    KN_FILTER_GT,
    KN_FILTER_GTE,
    KN_FILTER_LT,
    KN_FILTER_LTE,
    KN_FILTER_IN
} KnImageFilterOp;

typedef struct {
    const KnImageAttr *attr; /* NULL: the property .name */
    char *name;
    KnImageFilterOp op;
    char **values; /* for a time, what kn_time_parse() takes */
    gint64 number; /* INT, BOOL, TIME */
} KnImageFilter;

typedef struct {
    const KnImageAttr *attr;
    bool descending;
} KnImageSort;

struct KnImageQuery {
    guint limit;
    char *marker, *member_status, *visibility; /* visibility "all": any */
    gint64 size_min, size_max;                 /* -1: none */
    bool hidden;
    GArray *filters; /* of KnImageFilter */
    GPtrArray *tags; /* of char* */
    GArray *sorts;   /* of KnImageSort */
    GPtrArray *sort_keys, *sort_dirs;
    bool sort_given;
    GError *error; /* of the visit */
};

/* Whether @row is what the query asks for. */
bool kn_image_query_matches (const KnImageQuery *query, const KnImageRow *row);
