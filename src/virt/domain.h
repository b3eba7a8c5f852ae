/* SPDX-License-Identifier: Apache-2.0 */
/* Domains by uuid. A missing domain is NOT_FOUND, a wrong state CONFLICT, a host that is away UNAVAILABLE; libvirt's own
 * sentence stands in the message (public: it is the hypervisor's reason that users want to read, with paths taken out). */
#pragma once

#include "virt/virt.h"

/* Defines or redefines the persistent domain of @xml. A domain of the same name but another uuid, or of the same uuid without
 * our cloud's mark, belongs to a stranger: CONFLICT that names it, nothing changed. */
bool kn_domain_define (KnVirtHost *host, const char *xml, GError **error);

/* The definition: @live false: persistent (inactive) XML. Caller frees. */
char *kn_domain_load_xml (KnVirtHost *host, const char *uuid, bool live, GError **error);

/* NONE if there is none; a stranger's counts as none. */
bool kn_domain_load_state (KnVirtHost *host, const char *uuid, KnDomainState *out_state,
                           GError **error);

/* The next ones may wait for the guest's QEMU: TIMEOUT when it hangs (start after 300 s, the others after 45 s), and then at
 * once until it answers again. */

/* Ensure: running already is fine. */
bool kn_domain_start (KnVirtHost *host, const char *uuid, GError **error);
/* Ensure: power off; none or off is fine. Ends a QEMU that hangs, too. */
bool kn_domain_destroy (KnVirtHost *host, const char *uuid, GError **error);
/* Asks the guest by ACPI (and agent if connected), waits up to @timeout_ms for SHUTOFF. False with TIMEOUT if it does not follow. */
bool kn_domain_shutdown (KnVirtHost *host, const char *uuid, guint timeout_ms, GError **error);
bool kn_domain_reset (KnVirtHost *host, const char *uuid, GError **error);
/* Pauses the vCPUs; ensure. */
bool kn_domain_suspend (KnVirtHost *host, const char *uuid, GError **error);
/* Ensure. */
bool kn_domain_resume (KnVirtHost *host, const char *uuid, GError **error);
/* Writes the guest's memory to a file of libvirt's and powers it off: it survives restarts of libvirtd and of the host. Ensure.
 * CONFLICT when it is off without that. Takes as long as writing the memory does; TIMEOUT after an hour. */
bool kn_domain_save (KnVirtHost *host, const char *uuid, GError **error);
/* Goes on where kn_domain_save() left off and removes the file. Ensure: running already is fine. CONFLICT when nothing is saved. */
bool kn_domain_restore (KnVirtHost *host, const char *uuid, GError **error);
/* Removes the saved memory, so that the next start is a cold one. Ensure. */
bool kn_domain_drop_saved (KnVirtHost *host, const char *uuid, GError **error);

/* NVRAM and TPM state: kept, or removed too. */
typedef enum { KN_UNDEFINE_KEEP_STATE, KN_UNDEFINE_ALL } KnUndefine;
/* Ensure: none is fine. */
bool kn_domain_undefine (KnVirtHost *host, const char *uuid, KnUndefine what, GError **error);

/* uuids of our domains on @host, NULL-terminated; g_strfreev. */
char **kn_domain_list (KnVirtHost *host, GError **error);

/* One value of Nova's diagnostics: "cpu0_time", "memory-actual", "vda_read", "tapxyz_rx". */
typedef struct {
    char *name;
    gint64 value;
} KnDomainStat;
/* Array of KnDomainStat, to be unref'd. Errors: CONFLICT when it does not run, TIMEOUT after 5 s. */
GArray *kn_domain_load_stats (KnVirtHost *host, const char *uuid, GError **error);

/* Sends a guest-agent command (JSON) and returns its answer; caller frees. Errors: CONFLICT "no agent", TIMEOUT. */
char *kn_domain_agent (KnVirtHost *host, const char *uuid, const char *command, guint timeout_s,
                       GError **error);

/* How far the guest's clock is ahead of this machine's (half of the round trip taken off), as its agent says. @out_round_trip_us
 * may be NULL. Errors of this and the next ones: CONFLICT: there is no agent channel, or the guest does not run; TIMEOUT: the
 * agent is not connected or does not answer. */
bool kn_domain_load_clock_skew (KnVirtHost *host, const char *uuid, guint timeout_s,
                                gint64 *out_skew_us, gint64 *out_round_trip_us, GError **error);
/* Sets the guest's clock to this machine's, by value: without one Windows asks its time service, which need not run. */
bool kn_domain_set_time (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error);
/* Asks the agent to flush and hold all file systems, and to let them go on. Always thaw after a freeze, even one that failed,
 * unless by CONFLICT (then also: no agent is connected): the agent may carry it out late. */
bool kn_domain_freeze (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error);
bool kn_domain_thaw (KnVirtHost *host, const char *uuid, guint timeout_s, GError **error);

/* Why the agent in a guest said nothing. */
typedef enum {
    KN_AGENT_ANSWERED,
    KN_AGENT_NO_CHANNEL,    /* the guest was started without one, or its hypervisor has none */
    KN_AGENT_NOT_CONNECTED, /* nobody in the guest has opened the channel */
    KN_AGENT_SILENT,        /* no answer within the deadline */
    KN_AGENT_REFUSED,       /* it answered with an error */
    KN_AGENT_NOT_RUNNING,   /* the guest is off, paused or gone */
    KN_AGENT_HOST_AWAY,
    KN_AGENT_FAILURE_N
} KnAgentFailure;

/* A question that must not hold up others: as kn_domain_agent(), but the deadline (whole seconds, rounded up) counts all that
 * libvirt does before (its own greeting of the agent would wait 5 s). An agent that is asked while an earlier question still
 * hangs is SILENT at once. NULL: *@out_failure says why. Caller frees the answer. */
char *kn_domain_ask_agent (KnVirtHost *host, const char *uuid, const char *command,
                           guint deadline_ms, KnAgentFailure *out_failure);

/* A copy of a server's disk as it is at one moment, whole and without a backing file, into a volume of its own. The disk itself
 * and what it stands on are never touched, so that an end at any point costs the copy and nothing else. A server that is off is
 * copied by a small domain of ours that only reads the disk and never runs. */
typedef struct {
    const char *server; /* uuid */
    const char *disk;   /* volume with the disk */
    const char *copy;   /* volume to be made; a qcow2 */
} KnDiskCopy;
/* Ends what an earlier attempt has left, makes the volume and, where the server is off, the domain that reads. @out_running: the
 * guest runs, and so may be frozen. Errors: CONFLICT: somebody else is making a backup of the server. */
bool kn_disk_copy_prepare (KnVirtHost *host, const KnDiskCopy *copy, bool *out_running,
                           GError **error);
/* The moment that counts: from here on the guest may go on. One that runs stands still for this call, 0.1 s at most after the job
 * has begun: QEMU 7.2 may die (qemu_mutex_unlock_impl: Operation not permitted) when a guest resets its disk controller, as
 * firmware does, while the monitor sets up or ends a job on the disk. Whoever is killed in between leaves it paused.
 * @out_done: the copy is whole already. */
bool kn_disk_copy_begin (KnVirtHost *host, const KnDiskCopy *copy, bool *out_done, GError **error);
/* Looks after @pause_ms, or sooner when the host has news. Errors: UNAVAILABLE: the guest was powered on or off meanwhile, or
 * libvirt was restarted: try again from the start. */
bool kn_disk_copy_poll (KnVirtHost *host, const KnDiskCopy *copy, guint pause_ms, bool *out_done,
                        GError **error);
/* Ends a copy that is under way and removes the domain that reads; the volume stays. Ensure. */
bool kn_disk_copy_end (KnVirtHost *host, const KnDiskCopy *copy, GError **error);

/* VNC address and port of a running domain; port 0 if it has none. Caller frees the address. */
bool kn_domain_load_vnc (KnVirtHost *host, const char *uuid, char **out_address, guint *out_port,
                         GError **error);
