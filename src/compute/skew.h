/* SPDX-License-Identifier: Apache-2.0 */
/* How wrong a guest's clock is, how that is known, and what follows from it. A skew is guest minus true time (both UTC): a
 * guest that is behind has a negative one. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* How it is known. */
typedef enum {
    KN_SKEW_BY_NONE,
    KN_SKEW_BY_AGENT, /* guest-get-time, half the round trip taken off */
    KN_SKEW_BY_RTC,   /* from what the guest last wrote into its hardware clock */
    KN_SKEW_BY_N
} KnSkewMethod;

/* Why it is not known, or not by the agent. */
typedef enum {
    KN_SKEW_WHY_NONE,
    KN_SKEW_WHY_NOT_YET,
    KN_SKEW_WHY_NO_CHANNEL,
    KN_SKEW_WHY_NOT_CONNECTED,
    KN_SKEW_WHY_SILENT,
    KN_SKEW_WHY_REFUSED,
    KN_SKEW_WHY_NOT_RUNNING,
    KN_SKEW_WHY_HOST_AWAY,
    KN_SKEW_WHY_N
} KnSkewWhy;

typedef enum {
    KN_SKEW_UNKNOWN,
    KN_SKEW_RIGHT,
    KN_SKEW_DRIFT,
    KN_SKEW_KERBEROS, /* beyond 5 minutes */
    KN_SKEW_KMS,      /* beyond 4 hours */
    KN_SKEW_ZONE,     /* a whole number of quarter hours, up to 4 hours */
    KN_SKEW_ZONE_KMS, /* the same, beyond 4 hours */
    KN_SKEW_VERDICT_N
} KnSkewVerdict;

typedef struct {
    KnSkewMethod method;
    KnSkewWhy why; /* also set when the hardware clock had to do because the agent did not answer */
    gint64 measured_us; /* when it was tried last */
    gint64 skew_ms;     /* .method NONE: meaningless */
    gint64 error_ms;    /* how far off .skew_ms may be */
    bool has_zone;      /* what the guest itself says of its zone */
    char *zone;         /* "CST", "China Standard Time"; NULL: no name */
    gint64 zone_offset_s;
    char *os_id, *os_name; /* what the guest says it is: "mswindows", "debian"; NULL: it did not */
    gint64 os_asked_us;
    KnSkewVerdict verdict;
    gint64 since_us; /* method, why and verdict have been the same since */
} KnSkew;
void kn_skew_free (KnSkew *skew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnSkew, kn_skew_free)

/* Words of the API, the database and the metrics. Static; unknown words become the first value. */
const char *kn_skew_method_name (KnSkewMethod method);
KnSkewMethod kn_skew_method_from_name (const char *name);
const char *kn_skew_why_name (KnSkewWhy why); /* NULL for NONE */
KnSkewWhy kn_skew_why_from_name (const char *name);
const char *kn_skew_verdict_name (KnSkewVerdict verdict);
KnSkewVerdict kn_skew_verdict_from_name (const char *name);

/* The agent gave @guest_us; the question was sent and answered at @sent_us and @answered_us (all since 1970, UTC). Fills
 * .method, .skew_ms and .error_ms. */
void kn_skew_from_agent (KnSkew *skew, gint64 sent_us, gint64 guest_us, gint64 answered_us);

/* What the hardware clock tells: the guest last wrote @offset_s (RTC minus UTC) into it and keeps @expected_s there. A linux
 * guest whose RTC is off by whole quarters of an hour may be a Windows that is right, so @zone_unsure leaves that unknown. */
void kn_skew_from_rtc (KnSkew *skew, gint64 offset_s, gint64 expected_s, bool zone_unsure);

/* The verdict on .skew_ms. Limits are exceeded only beyond what the measurement may be off by. */
KnSkewVerdict kn_skew_judge (const KnSkew *skew);

/* Quarters of an hour nearest to @seconds, in seconds, if it is within a minute of them and they are not 0 and can be the
 * difference of two zones; otherwise 0. */
gint64 kn_skew_zone_step (gint64 seconds, gint64 tolerance_s);

/* What is known about a server beside its clock; borrowed. */
typedef struct {
    const char *server;    /* for the commands of remedies: id or name */
    const char *os_type;   /* NULL: undeclared */
    const char *zone;      /* declared, IANA; NULL: none */
    const char *host_zone; /* NULL: unknown */
} KnSkewScene;

/* One sentence or more: how wrong, the likely cause, the consequence and the remedy. Caller frees. */
char *kn_skew_explain (const KnSkew *skew, const KnSkewScene *scene);

/* Whether @os_type (NULL: undeclared) is Windows, in any letter case as in the guest's rules. */
bool kn_skew_is_windows (const char *os_type);

/* "8 h 00 m behind", "12 s ahead", "right to 40 ms"; caller frees. */
char *kn_skew_format (gint64 skew_ms);
