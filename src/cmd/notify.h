/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the service manager, where there is one. */
#pragma once

/* Sends @state ("READY=1") to the socket in NOTIFY_SOCKET as sd_notify(3) describes; without the variable it does nothing. */
void kn_notify (const char *state);
