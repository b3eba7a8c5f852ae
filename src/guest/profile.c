/* SPDX-License-Identifier: Apache-2.0 */
/* The profiles. A released row is never edited: its golden files pin it, and guests were frozen by it. */
#include <string.h>

#include "guest/guest_priv.h"

static const KnGuestProfile profiles[] = {
    {
        .name = "kilonova-1",
        .timers_under_tcg = true,
        .hyperv_by_host = true,
        .windows_one_socket = true,
        .agent_always = true,
        .clock_policies = true,
        .own_tpm_key = true,
        .implied_firmware = true,
        .beyond_26 = true,
        .machine = "q35",
        .manufacturer = "Kilonova",
        .product = "Kilonova Compute",
    },
    {
        .name = "nova-26",
        .like_nova = true,
        .machine = "pc",
        .manufacturer = "OpenStack Foundation",
        .product = "OpenStack Nova",
    },
};

const KnGuestProfile *
kn_guest_profile_find (const char *name)
{
    if (!name)
        return &profiles[0];
    for (gsize i = 0; i < G_N_ELEMENTS (profiles); i++)
        if (strcmp (profiles[i].name, name) == 0)
            return &profiles[i];
    return NULL;
}
