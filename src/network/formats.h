/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of attribute values: each checks a text and writes its canonical spelling. */
#pragma once

#include "network/object.h"

bool kn_format_uuid (const char *text, char **out_text);
bool kn_format_project (const char *text, char **out_text);
bool kn_format_mac (const char *text, char **out_text);
bool kn_format_ip (const char *text, char **out_text);
/* A subnet: host bits must be zero. */
bool kn_format_cidr (const char *text, char **out_text);
/* An address or a range of them: an address gets its full prefix, host bits are cleared. */
bool kn_format_prefix (const char *text, char **out_text);
