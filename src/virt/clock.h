/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware clock of a domain: how it is defined, and what it shows. */
#pragma once

#include "virt/virt.h"

typedef struct {
    char *
        offset; /* "utc", "localtime", "timezone", "variable", "absolute"; NULL: libvirt says nothing */
    char *timezone;      /* of "timezone" */
    gint64 adjustment_s; /* of "variable"; of a running domain what its guest has made of it */
    bool basis_utc;      /* of "variable" */
} KnDomainClock;

void kn_domain_clock_clear (KnDomainClock *clock);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KnDomainClock, kn_domain_clock_clear)

/* The definition for the next start, or that of the running domain. */
typedef enum { KN_CLOCK_DEFINED, KN_CLOCK_RUNNING } KnClockOf;

/* Errors: NOT_FOUND, UNAVAILABLE. */
bool kn_domain_load_clock (KnVirtHost *host, const char *uuid, KnClockOf which,
                           KnDomainClock *out_clock, GError **error);

/* What the RTC of a running domain shows, as if it were UTC: seconds since 1970. QEMU itself is asked, which libvirt notes as
 * a taint "custom-monitor" in its log. *@out_known false: this hypervisor or board cannot tell. Errors: CONFLICT when it does not
 * run, TIMEOUT. */
bool kn_domain_load_rtc (KnVirtHost *host, const char *uuid, bool *out_known, gint64 *out_rtc_s,
                         GError **error);
