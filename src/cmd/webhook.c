/* SPDX-License-Identifier: Apache-2.0 */
/* Posting a notice by libcurl. */
#include "cmd/webhook.h"

#include <curl/curl.h>

#include "base/error.h"

#define TIMEOUT_S 10L

static size_t
ignore (char *bytes, size_t size, size_t n, void *data)
{
    return size * n;
}

static CURLcode
perform (CURL *curl, const char *url, const char *body, char *reason, long *out_status)
{
    struct curl_slist *headers = curl_slist_append (NULL, "Content-Type: application/json");

    (void)curl_easy_setopt (curl, CURLOPT_URL, url);
    (void)curl_easy_setopt (curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt (curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt (curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    (void)curl_easy_setopt (curl, CURLOPT_WRITEFUNCTION, ignore);
    (void)curl_easy_setopt (curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt (curl, CURLOPT_COPYPOSTFIELDS, body);
    (void)curl_easy_setopt (curl, CURLOPT_ERRORBUFFER, reason);
    CURLcode code = curl_easy_perform (curl);
    (void)curl_easy_getinfo (curl, CURLINFO_RESPONSE_CODE, out_status);
    curl_slist_free_all (headers);
    return code;
}

bool
kn_webhook_post (const char *url, const char *body, GError **error)
{
    char reason[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *curl = curl_easy_init ();

    if (!curl) {
        kn_error_set (error, KN_ERROR_INTERNAL, "cannot set up libcurl");
        return false;
    }
    CURLcode code = perform (curl, url, body, reason, &status);
    curl_easy_cleanup (curl);
    if (code == CURLE_OK && status >= 200 && status < 300)
        return true;
    if (code == CURLE_OK)
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "'%s' answered the notice with %ld", url,
                      status);
    else
        kn_error_set (error, KN_ERROR_UNAVAILABLE, "cannot post a notice to '%s': %s", url,
                      *reason ? reason : curl_easy_strerror (code));
    return false;
}
