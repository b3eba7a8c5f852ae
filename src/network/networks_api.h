/* SPDX-License-Identifier: Apache-2.0 */
/* The service row of the Network API. */
#pragma once

#include "network/network_priv.h"

/* The routes with @networks behind them; g_free. */
KnService *kn_networks_service_new (KnNetworks *networks);
