/* SPDX-License-Identifier: Apache-2.0 */
/* The property registry: one row for each image property and flavor extra spec that the guest rules know. The row drives
 * validation, "did you mean", docs/properties.md and the metadata definitions. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef enum {
    KN_PROPERTY_BOOL,
    KN_PROPERTY_INT,
    KN_PROPERTY_ENUM,
    KN_PROPERTY_TEXT,
    KN_PROPERTY_CPUS, /* "0-3,^2" */
    KN_PROPERTY_PAGE, /* small, large, any, or a size */
    KN_PROPERTY_ZONE, /* IANA name */
    KN_PROPERTY_N
} KnPropertyType;

/* Who wins where image and flavor both speak. */
typedef enum {
    KN_WINS_ONLY,  /* it may stand in one place only */
    KN_WINS_EQUAL, /* they must say the same */
    KN_WINS_IMAGE,
    KN_WINS_FLAVOR,
    KN_WINS_EITHER, /* true if one of them says so */
    KN_WINS_LOWER,  /* the flavor's is a limit that the image may lower */
    KN_WINS_RULE,   /* a rule of its own, see the concept */
    KN_WINS_N
} KnPropertyWins;

enum {
    KN_PROPERTY_ON_SERVER = 1 << 0, /* may be changed on a server; takes effect at its next start */
    KN_PROPERTY_OURS = 1 << 1,      /* not Nova's */
    KN_PROPERTY_FAMILY = 1 << 2,    /* a number follows the name: hw_numa_cpus.0 */
    KN_PROPERTY_QUIET = 1 << 3,     /* shapes no XML; still checked */
    KN_PROPERTY_ANY_CASE = 1 << 4,  /* read as lower case, with other spellings */
    KN_PROPERTY_LATER = 1 << 5,     /* newer than Nova 26.2, so nova-26 ignores it */
};

typedef struct {
    const char *name;   /* image property, NULL: none */
    const char *spec;   /* flavor extra spec, NULL: none */
    const char *legacy; /* older name of the image property */
    KnPropertyType type;
    const char *const *values; /* ENUM: NULL-terminated */
    const char *const *later;  /* those of them that Nova 26.2 does not know; NULL: none */
    gint64 min, max;           /* INT: what makes sense, both 0: any */
    KnPropertyWins wins;
    const char *conflict; /* EQUAL: stage and class of the error, as Nova names it */
    guint flags;
    const char *effect; /* where it acts, below <domain> */
    const char *since;  /* first Nova release with it, or ours */
    const char *help;
} KnGuestProperty;

/* The rows, in the order of docs/properties.md. */
const KnGuestProperty *kn_guest_properties (gsize *out_n);

/* The row of an image property (current or legacy name) or of an extra spec; NULL: not known. */
const KnGuestProperty *kn_guest_property_find (const char *name);
const KnGuestProperty *kn_guest_spec_find (const char *name);

/* @value in the row's own spelling: lower case where case does not matter, aliases resolved. Caller frees. */
char *kn_guest_property_canonical (const KnGuestProperty *property, const char *value);

/* Whether the row takes @value as written; says what it takes otherwise (caller frees *@out_allowed). */
bool kn_guest_property_allows (const KnGuestProperty *property, const char *value,
                               char **out_allowed);

/* The known name nearest to @name that somebody may have meant, NULL: none is near. */
const char *kn_guest_property_suggest (const char *name);

/* The extra spec that somebody may have meant by @name, which is none; NULL: none is near. */
const char *kn_guest_spec_suggest (const char *name);

/* docs/properties.md; caller frees. */
char *kn_guest_properties_format (void);
