/* SPDX-License-Identifier: Apache-2.0 */
/* One domain's figures in one round trip, under the names that Nova's diagnostics have. */
#include <string.h>

#include "virt/domain.h"
#include "virt/virt_priv.h"

#define TIMEOUT_MS 5000

/* A figure: the end of libvirt's name ("block.0.rd.bytes" or "balloon.current") and what Nova calls it. */
typedef struct {
    const char *field;
    const char *name;
} KnStatRow;

static const KnStatRow memory_rows[] = {
    { "balloon.maximum", "memory" },
    { "balloon.current", "memory-actual" },
    { "balloon.swap_in", "memory-swap_in" },
    { "balloon.swap_out", "memory-swap_out" },
    { "balloon.major_fault", "memory-major_fault" },
    { "balloon.minor_fault", "memory-minor_fault" },
    { "balloon.unused", "memory-unused" },
    { "balloon.available", "memory-available" },
    { "balloon.usable", "memory-usable" },
    { "balloon.last-update", "memory-last_update" },
    { "balloon.rss", "memory-rss" },
    { "balloon.disk_caches", "memory-disk_caches" },
    { "balloon.hugetlb_pgalloc", "memory-hugetlb_pgalloc" },
    { "balloon.hugetlb_pgfail", "memory-hugetlb_pgfail" },
};

static const KnStatRow disk_rows[] = {
    { "rd.bytes", "read" },     { "rd.reqs", "read_req" }, { "wr.bytes", "write" },
    { "wr.reqs", "write_req" }, { "errors", "errors" },
};

static const KnStatRow nic_rows[] = {
    { "rx.bytes", "rx" },       { "rx.pkts", "rx_packets" }, { "rx.errs", "rx_errors" },
    { "rx.drop", "rx_drop" },   { "tx.bytes", "tx" },        { "tx.pkts", "tx_packets" },
    { "tx.errs", "tx_errors" }, { "tx.drop", "tx_drop" },
};

static void
clear_stat (gpointer data)
{
    g_free (((KnDomainStat *)data)->name);
}

static void
add_take (GArray *stats, char *name, gint64 value)
{
    KnDomainStat stat = { name, value };

    g_array_append_val (stats, stat);
}

static gint64
get_value (const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return param->value.i;
    case VIR_TYPED_PARAM_UINT:
        return param->value.ui;
    case VIR_TYPED_PARAM_LLONG:
        return param->value.l;
    case VIR_TYPED_PARAM_ULLONG:
        return (gint64)param->value.ul;
    default:
        return 0;
    }
}

static const virTypedParameter *
find_param (const virDomainStatsRecord *record, const char *field)
{
    for (int i = 0; i < record->nparams; i++)
        if (strcmp (record->params[i].field, field) == 0)
            return &record->params[i];
    return NULL;
}

static gint64
get_field (const virDomainStatsRecord *record, const char *field, gint64 fallback)
{
    const virTypedParameter *param = find_param (record, field);

    return param ? get_value (param) : fallback;
}

static void
add_cpus (GArray *stats, const virDomainStatsRecord *record)
{
    gint64 count = get_field (record, "vcpu.maximum", 0);

    for (gint64 i = 0; i < count; i++) {
        g_autofree char *field = g_strdup_printf ("vcpu.%" G_GINT64_FORMAT ".time", i);
        const virTypedParameter *param = find_param (record, field);

        if (param)
            add_take (stats, g_strdup_printf ("cpu%" G_GINT64_FORMAT "_time", i),
                      get_value (param));
    }
}

static void
add_memory (GArray *stats, const virDomainStatsRecord *record)
{
    for (gsize i = 0; i < G_N_ELEMENTS (memory_rows); i++) {
        const virTypedParameter *param = find_param (record, memory_rows[i].field);

        if (param)
            add_take (stats, g_strdup (memory_rows[i].name), get_value (param));
    }
}

/* Devices of one @kind ("block", "net"): "block.0.name" is vda, "block.0.rd.bytes" becomes vda_read. A figure that the
 * hypervisor does not count is -1. */
static void
add_devices (GArray *stats, const virDomainStatsRecord *record, const char *kind,
             const KnStatRow *rows, gsize n_rows)
{
    g_autofree char *count_field = g_strdup_printf ("%s.count", kind);
    gint64 count = get_field (record, count_field, 0);

    for (gint64 i = 0; i < count; i++) {
        g_autofree char *prefix = g_strdup_printf ("%s.%" G_GINT64_FORMAT ".", kind, i);
        g_autofree char *name_field = g_strconcat (prefix, "name", NULL);
        const virTypedParameter *name = find_param (record, name_field);

        if (!name || name->type != VIR_TYPED_PARAM_STRING)
            continue;
        for (gsize r = 0; r < n_rows; r++) {
            g_autofree char *field = g_strconcat (prefix, rows[r].field, NULL);

            add_take (stats, g_strdup_printf ("%s_%s", name->value.s, rows[r].name),
                      get_field (record, field, -1));
        }
    }
}

static GArray *
format_stats (const virDomainStatsRecord *record)
{
    GArray *stats = g_array_new (FALSE, FALSE, sizeof (KnDomainStat));

    g_array_set_clear_func (stats, clear_stat);
    add_cpus (stats, record);
    add_devices (stats, record, "block", disk_rows, G_N_ELEMENTS (disk_rows));
    add_memory (stats, record);
    add_devices (stats, record, "net", nic_rows, G_N_ELEMENTS (nic_rows));
    return stats;
}

static void
free_stats (gpointer data)
{
    g_array_unref (data);
}

static bool
load_stats (KnDomainCall *call, const KnMonitorSpec *spec, gpointer *out_result, GError **error)
{
    const unsigned int wanted = VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_VCPU
                                | VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_BLOCK
                                | VIR_DOMAIN_STATS_INTERFACE;
    virDomainPtr domains[] = { call->domain, NULL };
    virDomainStatsRecordPtr *records = NULL;
    /* Somebody else's job on this domain must not hold up a reader: take what there is. */
    int count = virDomainListGetStats (domains, wanted, &records,
                                       VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    if (count < 0)
        return kn_virt_fail (call->host, call->conn, error);
    gint64 state = VIR_DOMAIN_SHUTOFF;
    if (count > 0)
        state = get_field (records[0], "state.state", VIR_DOMAIN_SHUTOFF);
    bool runs = state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED;

    if (runs)
        *out_result = format_stats (records[0]);
    else
        kn_error_public (error, KN_ERROR_CONFLICT, "The server does not run.");
    virDomainStatsRecordListFree (records);
    return runs;
}

GArray *
kn_domain_load_stats (KnVirtHost *host, const char *uuid, GError **error)
{
    gpointer stats = NULL;
    const KnMonitorSpec spec
        = { .work = load_stats, .timeout_ms = TIMEOUT_MS, .free_result = free_stats };

    (void)kn_monitor_run (host, uuid, &spec, &stats, error);
    return stats;
}
