/* SPDX-License-Identifier: Apache-2.0 */
/* What libvirt tells, carried from its event thread to a worker of ours. */
#pragma once

#include "compute/compute_priv.h"

/* The worker: one thread, so that news about one server are looked at one after the other. */
GThreadPool *kn_compute_news_new (KnCompute *compute, GError **error);
