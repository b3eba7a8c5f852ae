/* SPDX-License-Identifier: Apache-2.0 */
/* The host's NUMA cells, and the memory that they live in. */
#pragma once

#include "virt/virt_priv.h"

typedef struct KnVirtCells KnVirtCells;

KnVirtCells *kn_virt_cells_new (void);
void kn_virt_cells_free (KnVirtCells *cells);

/* Adds the cells of capabilities XML; numbers that make no sense are left out. */
void kn_virt_cells_parse (KnVirtCells *cells, const KnXmlView *caps);

/* All cells; valid until @cells is freed. */
const KnVirtCell *kn_virt_cells_get (const KnVirtCells *cells, gsize *out_count);
