/* SPDX-License-Identifier: Apache-2.0 */
/* A survey's inside, for the files that look at the host through it. */
#pragma once

#include "virt/survey.h"
#include "virt/virt_priv.h"

struct KnSurvey {
    KnVirt *virt;     /* without thread and events; NULL: @host is one of our hosts */
    KnVirtHost *host; /* for errors and facts; otherwise never connected by itself */
    virConnectPtr conn;
    const KnVirtFacts *facts;
    KnVirtFacts *own_facts;
    bool invents, local;  /* local: this machine */
    unsigned int secrets; /* flag for definitions that are given back */
};
