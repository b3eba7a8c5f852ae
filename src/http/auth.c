/* SPDX-License-Identifier: Apache-2.0 */
/* The caller of a request. */
#include "http/auth.h"

void
kn_auth_clear (KnAuth *auth)
{
    g_free (auth->user_id);
    g_free (auth->user_name);
    g_free (auth->user_domain_id);
    g_free (auth->project_id);
    g_free (auth->project_name);
    g_free (auth->domain_id);
    g_free (auth->token_id);
    *auth = (KnAuth){ 0 };
}
