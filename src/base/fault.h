/* SPDX-License-Identifier: Apache-2.0 */
/* Fault points: named places where a test makes the program die or fail. Unset, one costs a load and a branch.
 *
 * KILONOVA_FAULT="name[@n]=kill|fail|pause[,…]": at the n-th passing (default 1) of point `name`, SIGKILL ourselves, let
 * kn_fault() return false with an INTERNAL error, or stop for 2 s. A name may end in `*`. KILONOVA_FAULT_LIST=FILE appends
 * each point that is passed to FILE, for tests that visit them all. Both are read once at the start. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Passes the point @name. */
bool kn_fault (const char *name, GError **error);
