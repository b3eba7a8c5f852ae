/* SPDX-License-Identifier: Apache-2.0 */
/* An audit for people. */
#pragma once

#include "json/read.h"

/* Prints the audit, control characters made harmless. */
void kn_doctor_print (const json_t *audit);
