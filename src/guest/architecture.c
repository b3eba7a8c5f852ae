/* SPDX-License-Identifier: Apache-2.0 */
/* Names of architectures (Nova 26.2, objects/fields.py). */
#include <string.h>

#include "guest/guest_priv.h"

static const char *const names[] = {
    "alpha",        "armv6",    "armv7l",    "armv7b",      "aarch64",  "cris",
    "i686",         "ia64",     "lm32",      "loongarch64", "m68k",     "microblaze",
    "microblazeel", "mips",     "mipsel",    "mips64",      "mips64el", "openrisc",
    "parisc",       "parisc64", "ppc",       "ppcle",       "ppc64",    "ppc64le",
    "ppcemb",       "riscv64",  "s390",      "s390x",       "sh4",      "sh4eb",
    "sparc",        "sparc64",  "unicore32", "x86_64",      "xtensa",   "xtensaeb",
};

static const struct {
    const char *alias, *name;
} aliases[] = {
    { "i386", "i686" },   { "i486", "i686" },    { "i586", "i686" },
    { "x86_32", "i686" }, { "x86_32p", "i686" }, { "amd64", "x86_64" },
};

const char *
kn_architecture_canonical (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
        if (g_ascii_strcasecmp (names[i], name) == 0)
            return names[i];
    for (gsize i = 0; i < G_N_ELEMENTS (aliases); i++)
        if (g_ascii_strcasecmp (aliases[i].alias, name) == 0)
            return aliases[i].name;
    return NULL;
}
