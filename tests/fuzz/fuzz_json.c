/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: JSON bodies, through a field table with every type. What is accepted survives being written and read again. */
#include "json/read.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

typedef struct {
    const char *text, *id;
    gint64 number;
    bool flag;
    int choice;
    json_t *object, *array, *any;
    guint64 present;
} Record;

static const char *const choices[] = { "utc", "localtime", NULL };
static const KnJField fields[] = {
    { "text", KN_J_STRING, offsetof (Record, text), 1, 10, .flags = KN_J_NULLABLE },
    { "id", KN_J_UUID, offsetof (Record, id), .flags = KN_J_OPTIONAL },
    { "number", KN_J_INT, offsetof (Record, number), -5, 500, .flags = KN_J_LENIENT },
    { "flag", KN_J_BOOL, offsetof (Record, flag), .flags = KN_J_LENIENT | KN_J_OPTIONAL },
    { "choice", KN_J_ENUM, offsetof (Record, choice), .names = choices, .flags = KN_J_OPTIONAL },
    { "object", KN_J_OBJECT, offsetof (Record, object), .flags = KN_J_OPTIONAL },
    { "array", KN_J_ARRAY, offsetof (Record, array), 0, 3, .flags = KN_J_OPTIONAL },
    { "any", KN_J_ANY, offsetof (Record, any), .flags = KN_J_OPTIONAL },
};
static const KnJShape shape
    = { fields, G_N_ELEMENTS (fields), offsetof (Record, present), .closed = true };

static void
read_server (const json_t *document)
{
    Record record = { 0 };
    g_autoptr (GError) error = NULL;
    const json_t *inner = kn_json_unwrap (document, "server", &error);

    g_assert_true ((inner == NULL) == (error != NULL));
    if (!inner)
        return;
    g_assert_true (kn_json_read (inner, "server", &shape, &record, &error) == (error == NULL));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    g_autoptr (GError) error = NULL;
    g_autoptr (json_t) document = kn_json_parse ((const char *)data, size, &error);

    g_assert_true ((document == NULL) == (error != NULL));
    if (!document)
        return 0;
    read_server (document);

    char *text = json_dumps (document, JSON_ENCODE_ANY);
    g_autoptr (json_t) again = kn_json_parse (text, strlen (text), NULL);

    g_assert_true (again && json_equal (document, again));
    free (text);
    return 0;
}
