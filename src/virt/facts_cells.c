/* SPDX-License-Identifier: Apache-2.0 */
/* The host's NUMA cells from its capabilities: memory, pages, CPUs and which of them share a core. */
#include "virt/facts_cells.h"

#include <string.h>

#include "base/util.h"

#define CELLS "/capabilities/host/topology/cells/cell"
#define CELLS_MAX 64
#define CPUS_MAX 4096
#define PAGES_MAX 16

struct KnVirtCells {
    GPtrArray *blocks; /* arrays that the cells point to */
    GArray *cells;     /* of KnVirtCell */
};

typedef struct {
    guint cpu, core;
} Place;

KnVirtCells *
kn_virt_cells_new (void)
{
    KnVirtCells *cells = g_new0 (KnVirtCells, 1);

    cells->blocks = g_ptr_array_new_with_free_func (g_free);
    cells->cells = g_array_new (false, true, sizeof (KnVirtCell));
    return cells;
}

void
kn_virt_cells_free (KnVirtCells *cells)
{
    if (!cells)
        return;
    g_ptr_array_unref (cells->blocks);
    g_array_unref (cells->cells);
    g_free (cells);
}

const KnVirtCell *
kn_virt_cells_get (const KnVirtCells *cells, gsize *out_count)
{
    *out_count = cells->cells->len;
    return (const KnVirtCell *)cells->cells->data;
}

/* A whole number in an attribute of @node; false: none, or not below @max. */
static bool
read_number (xmlNodePtr node, const char *name, gint64 max, gint64 *out_number)
{
    xmlChar *text = xmlGetProp (node, BAD_CAST name);
    bool good = text && kn_parse_int ((const char *)text, 0, max - 1, out_number);

    xmlFree (text);
    return good;
}

static guint64
read_content (xmlNodePtr node)
{
    xmlChar *text = xmlNodeGetContent (node);
    gint64 number = 0;

    if (text)
        (void)kn_parse_int ((const char *)text, 0, G_MAXINT64 / 2, &number);
    xmlFree (text);
    return (guint64)number;
}

static gint
compare_places (gconstpointer a, gconstpointer b)
{
    const Place *one = a, *other = b;

    return one->cpu < other->cpu ? -1 : one->cpu > other->cpu;
}

static gint
compare_pages (gconstpointer a, gconstpointer b)
{
    const KnVirtPages *one = a, *other = b;

    return one->size_kib < other->size_kib ? -1 : one->size_kib > other->size_kib;
}

/* Threads of a core name the same siblings ("0,4"): the first of them stands for the core. */
static guint
read_core (xmlNodePtr node, guint cpu)
{
    xmlChar *siblings = xmlGetProp (node, BAD_CAST "siblings");
    gint64 first = cpu;

    if (siblings) {
        char *end = (char *)siblings + strspn ((char *)siblings, "0123456789");

        *end = '\0';
        (void)kn_parse_int ((const char *)siblings, 0, CPUS_MAX - 1, &first);
    }
    xmlFree (siblings);
    return (guint)first;
}

static void
add_cpus (xmlNodePtr list, GArray *places)
{
    for (xmlNodePtr node = xmlFirstElementChild (list); node; node = xmlNextElementSibling (node)) {
        gint64 cpu;

        if (!read_number (node, "id", CPUS_MAX, &cpu) || places->len == CPUS_MAX)
            continue;
        const Place place = { (guint)cpu, read_core (node, (guint)cpu) };
        g_array_append_val (places, place);
    }
}

static void
add_pages (xmlNodePtr node, GArray *pages)
{
    gint64 size;

    if (pages->len == PAGES_MAX || !read_number (node, "size", G_MAXINT32, &size) || size == 0)
        return;
    const KnVirtPages one = { (guint64)size, read_content (node) };
    g_array_append_val (pages, one);
}

static gpointer
keep (KnVirtCells *cells, gpointer block)
{
    g_ptr_array_add (cells->blocks, block);
    return block;
}

static void
add_cell (KnVirtCells *cells, xmlNodePtr node)
{
    g_autoptr (GArray) places = g_array_new (false, false, sizeof (Place));
    g_autoptr (GArray) pages = g_array_new (false, false, sizeof (KnVirtPages));
    KnVirtCell cell = { 0 };
    gint64 id;

    if (!read_number (node, "id", G_MAXINT32, &id))
        return;
    for (xmlNodePtr child = xmlFirstElementChild (node); child;
         child = xmlNextElementSibling (child)) {
        if (xmlStrEqual (child->name, BAD_CAST "memory"))
            cell.memory_kib = read_content (child);
        else if (xmlStrEqual (child->name, BAD_CAST "pages"))
            add_pages (child, pages);
        else if (xmlStrEqual (child->name, BAD_CAST "cpus"))
            add_cpus (child, places);
    }
    g_array_sort (places, compare_places);
    g_array_sort (pages, compare_pages);
    guint *cpus = keep (cells, g_new0 (guint, places->len + 1));
    guint *core = keep (cells, g_new0 (guint, places->len + 1));

    for (guint i = 0; i < places->len; i++) {
        cpus[i] = g_array_index (places, Place, i).cpu;
        core[i] = g_array_index (places, Place, i).core;
    }
    cell.id = (guint)id;
    cell.cpus = cpus;
    cell.core = core;
    cell.n_cpus = places->len;
    cell.n_pages = pages->len;
    cell.pages = keep (cells, g_memdup2 (pages->data, sizeof (KnVirtPages) * MAX (pages->len, 1)));
    g_array_append_val (cells->cells, cell);
}

void
kn_virt_cells_parse (KnVirtCells *cells, const KnXmlView *caps)
{
    xmlXPathObjectPtr found = xmlXPathEval (BAD_CAST CELLS, caps->xpath);

    for (int i = 0; found && found->nodesetval && i < found->nodesetval->nodeNr && i < CELLS_MAX;
         i++)
        add_cell (cells, found->nodesetval->nodeTab[i]);
    if (found)
        xmlXPathFreeObject (found);
}
