/* SPDX-License-Identifier: Apache-2.0 */
/* How clients find out what this Compute service can do. */
#pragma once

#include <glib.h>

/* Appends the routes of version documents and of the extension list. */
void kn_discovery_add_routes (GArray *routes);
