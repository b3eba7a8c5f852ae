/* SPDX-License-Identifier: Apache-2.0 */
/* The last large answer of each worker, kept until anything in the database changes: dashboards ask the same list again and again. */
#pragma once

#include "db/db.h"
#include "http/request.h"

/* Answers @req with what this thread answered to the same question while the data were the same. @out_version: hand it to
 * kn_answer_cache_put(); read before anything is looked up. */
bool kn_answer_cache_reply (KnRequest *req, KnDb *db, guint64 *out_version);

/* Replies 200 with @w and keeps the answer if its size is reasonable. */
void kn_answer_cache_put (KnRequest *req, guint64 version, KnJw *w);
