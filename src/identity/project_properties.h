/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of projects that the guest rules know: defaults for the clocks of a project's servers. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Whether what @body says of them can be: other properties are their owner's own affair. Errors (public): BAD_REQUEST. */
bool kn_project_properties_check (const json_t *body, GError **error);
