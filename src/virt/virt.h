/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts: libvirt connections that come and go, their abilities, and the event loop. No XML is composed here but that of
 * pools and volumes. Nothing that is not marked as ours is ever changed. Every call may wait: worker threads only. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnVirt KnVirt;         /* all hosts of this cloud */
typedef struct KnVirtHost KnVirtHost; /* one of them; refcounted */

/* Pages of one size in a NUMA cell. */
typedef struct {
    guint64 size_kib, total;
} KnVirtPages;

typedef struct {
    guint id;
    guint64 memory_kib;
    const guint *cpus; /* ascending */
    const guint *core; /* core[i]: what cpus[i] shares with its sibling threads and nobody else */
    gsize n_cpus;
    const KnVirtPages *pages; /* ascending by size */
    gsize n_pages;
} KnVirtCell;

typedef struct {
    const char *arch; /* "x86_64" */
    guint cpus, sockets, cores, threads;
    guint64 memory_mib, memory_used_mib;
    const char *cpu_model, *cpu_vendor;
    const char *hypervisor;                /* "QEMU" */
    const char *hostname;                  /* as libvirt says */
    guint64 libvirt_version, qemu_version; /* 9000000 = 9.0.0 */
    /* The host's IANA zone if it is this machine, else NULL. */
    const char *zone;
    /* "kvm" or "qemu": what `auto` came to. libvirt's test driver looks like a QEMU host. */
    const char *virt_type;
    /* Canonical machine types and aliases of that domain type, NULL-terminated. */
    const char *const *machines;
    /* Concrete types that q35 and pc stand for now: "pc-q35-7.2"; NULL: it has none. */
    const char *default_q35, *default_pc;
    /* Enlightenments that domain capabilities list, NULL-terminated. */
    const char *const *hyperv;
    bool uefi, secure_boot, tpm;
    guint64
        tsc_khz; /* of a time stamp counter that never changes its pace; 0: it may, or is not known */
    /* CPU models that can be named, NULL-terminated. */
    const char *const *cpu_models;
    bool sev; /* AMD memory encryption */
    guint sev_cbit, sev_reduced_bits;
    /* No cgroup gives shares or limits of CPU time here. Seen on this machine only; elsewhere false. */
    bool no_cpu_control;
    const KnVirtCell *cells; /* NUMA; one on ordinary machines */
    gsize n_cells;
} KnVirtFacts;

typedef enum {
    KN_DOMAIN_NONE,
    KN_DOMAIN_RUNNING,
    KN_DOMAIN_PAUSED,
    KN_DOMAIN_SHUTOFF,
    KN_DOMAIN_CRASHED,
    KN_DOMAIN_SAVED, /* off, its memory saved: a start goes on where it was; told by kn_domain_load_state() only */
    KN_DOMAIN_N
} KnDomainState;

/* Called on the event thread, host_state on the host's own: hand the news over and return. @uuid is borrowed; it may be a
 * stranger's. None is called after kn_virt_stop(). libvirt tells nobody of a guest that ends in the second or so in which a
 * restarted daemon takes its guests over: compare states when a host comes up, and now and then. */
typedef struct {
    void (*domain_state) (gpointer data, const char *host, const char *uuid, KnDomainState state,
                          const char *reason);
    void (*rtc_change) (gpointer data, const char *host, const char *uuid, gint64 offset_s);
    void (*agent) (gpointer data, const char *host, const char *uuid, bool connected);
    void (*host_state) (gpointer data, const char *host, bool up, const char *why);
    gpointer data;
} KnVirtEvents;

/* @cloud_id marks what is ours: metadata element <kilonova:cloud xmlns:kilonova="https://kilonova.dev/ns/1" id="…"/> of domains,
 * name prefix of pools. */
KnVirt *kn_virt_new (const char *cloud_id);
/* Before hosts are added; copied. */
void kn_virt_set_events (KnVirt *virt, const KnVirtEvents *events);
/* Starts the event thread, which runs GLib's default main context: nobody else may. */
bool kn_virt_start (KnVirt *virt, GError **error);
/* Lets go of all hosts. Calls that are under way end by themselves. */
void kn_virt_stop (KnVirt *virt);
void kn_virt_free (KnVirt *virt);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnVirt, kn_virt_free)

typedef struct {
    const char *name;         /* the host's name in the API; NULL: what libvirt says */
    const char *uri;          /* "qemu:///system" */
    const char *virt_type;    /* "auto", "kvm", "qemu" */
    const char *instance_dir; /* folder of the pool for guests' files on that host */
    /* Folder of the read-only pool with images: the image store itself if .local. */
    const char *image_dir;
    /* This machine: the image store's folder is the pool, nothing is copied. */
    bool local;
} KnVirtHostSpec;

/* Adds a host and tries to reach it, for at most 10 s; one that is away is added too and picked up when it comes. Copies
 * @spec. A host that hangs is given up after 30 s without a sign of life. Errors: BAD_REQUEST, CONFLICT: the name is taken. */
bool kn_virt_add_host (KnVirt *virt, const KnVirtHostSpec *spec, GError **error);

/* A new reference to the host @name (unref), NULL if there is none. */
KnVirtHost *kn_virt_find_host (KnVirt *virt, const char *name);
/* All hosts' names, NULL-terminated; g_strfreev. */
char **kn_virt_list_hosts (KnVirt *virt);
void kn_virt_host_unref (KnVirtHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnVirtHost, kn_virt_host_unref)

const char *kn_virt_host_name (const KnVirtHost *host);
const char *kn_virt_host_uri (const KnVirtHost *host);
bool kn_virt_host_is_up (KnVirtHost *host);
bool kn_virt_host_is_local (const KnVirtHost *host);
/* Facts as of the last connection (memory_used_mib is fresh); valid while @host is held. Errors: UNAVAILABLE with host and reason. */
const KnVirtFacts *kn_virt_host_facts (KnVirtHost *host, GError **error);
