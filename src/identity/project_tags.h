/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of projects. */
#pragma once

#include "identity/entity.h"

#define KN_PROJECT_MAX_TAGS 80

/* The tags in order; strings are freed with the array. */
GPtrArray *kn_project_tags_list (KnDb *db, const char *project_id, GError **error);

/* Whether @tags is a list of tags. Errors (public): BAD_REQUEST. */
bool kn_project_tags_check (const json_t *tags, GError **error);

/* Makes @tags, which were checked, the tags of the project. Inside of a transaction. */
bool kn_project_tags_replace (KnDb *db, const char *project_id, const json_t *tags, GError **error);

/* Writes `"tags": […]`. */
bool kn_project_tags_write (KnJw *w, KnDb *db, const char *project_id, GError **error);
