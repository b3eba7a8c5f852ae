/* SPDX-License-Identifier: Apache-2.0 */
/* The attributes of an image: one table for reading, showing, filtering, sorting and the JSON schema. */
#include <stddef.h>

#include "image/image_priv.h"

static const char *const visibilities[] = { "public", "private", "shared", "community", NULL };
static const char *const disk_formats[]
    = { "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", NULL };
static const char *const container_formats[] = { "ami", "ari", "aki", "bare", "ovf", NULL };
static const char *const statuses[]
    = { "queued", "saving", "active", "deactivated", "pending_delete", "deleted", NULL };

#define AT(MEMBER) .offset = offsetof (KnImageRow, MEMBER)

static const KnImageAttr attrs[] = {
    { "name", KN_ATTR_STRING, AT (name), KN_ATTR_SET | KN_ATTR_NULLABLE | KN_ATTR_SORT | KN_ATTR_IN,
      255, .description = "Descriptive name" },
    { "disk_format", KN_ATTR_ENUM, AT (disk_format),
      KN_ATTR_SET | KN_ATTR_NULLABLE | KN_ATTR_QUEUED | KN_ATTR_SORT | KN_ATTR_IN,
      .choices = disk_formats, .description = "Format of the disk" },
    { "container_format", KN_ATTR_ENUM, AT (container_format),
      KN_ATTR_SET | KN_ATTR_NULLABLE | KN_ATTR_QUEUED | KN_ATTR_SORT | KN_ATTR_IN,
      .choices = container_formats, .description = "Format of the container around the disk" },
    { "visibility", KN_ATTR_ENUM, AT (visibility), KN_ATTR_SET | KN_ATTR_SORT,
      .choices = visibilities, .description = "Who may see and use the image" },
    { "size", KN_ATTR_INT, AT (size), KN_ATTR_NULLABLE | KN_ATTR_SORT,
      .description = "Bytes of the image file" },
    { "virtual_size", KN_ATTR_INT, AT (virtual_size), KN_ATTR_NULLABLE | KN_ATTR_SORT,
      .description = "Bytes that a guest sees" },
    { "status", KN_ATTR_ENUM, AT (status), KN_ATTR_SORT | KN_ATTR_IN, .choices = statuses,
      .description = "State of the image" },
    { "checksum", KN_ATTR_STRING, AT (checksum), KN_ATTR_NULLABLE | KN_ATTR_SORT, 32,
      .description = "MD5 of the image file" },
    { "protected", KN_ATTR_BOOL, AT (is_protected), KN_ATTR_SET | KN_ATTR_SORT,
      .description = "Whether deleting is refused" },
    { "min_ram", KN_ATTR_INT, AT (min_ram), KN_ATTR_SET | KN_ATTR_SORT,
      .description = "Least memory for a server, in MB" },
    { "min_disk", KN_ATTR_INT, AT (min_disk), KN_ATTR_SET | KN_ATTR_SORT,
      .description = "Least disk for a server, in GB" },
    { "owner", KN_ATTR_STRING, AT (owner),
      KN_ATTR_SET | KN_ATTR_ADMIN | KN_ATTR_NULLABLE | KN_ATTR_SORT, 64,
      .description = "Project that owns the image" },
    { "os_hidden", KN_ATTR_BOOL, AT (os_hidden), KN_ATTR_SET | KN_ATTR_SORT,
      .description = "Whether lists leave the image out" },
    { "os_hash_algo", KN_ATTR_STRING, AT (os_hash_algo), KN_ATTR_NULLABLE | KN_ATTR_SORT, 64,
      .description = "Algorithm of os_hash_value" },
    { "os_hash_value", KN_ATTR_STRING, AT (os_hash_value), KN_ATTR_NULLABLE | KN_ATTR_SORT, 128,
      .description = "Digest of the image file" },
    { "id", KN_ATTR_UUID, AT (id), KN_ATTR_CREATE | KN_ATTR_SORT | KN_ATTR_IN,
      .description = "Identifier of the image" },
    { "created_at", KN_ATTR_TIME, AT (created_at), KN_ATTR_SORT,
      .description = "When the image was registered" },
    { "updated_at", KN_ATTR_TIME, AT (updated_at), KN_ATTR_SORT,
      .description = "When the image was last changed" },
    { "tags", KN_ATTR_TAGS, AT (tags), KN_ATTR_SET, 255, .description = "Labels" },
    { "self", KN_ATTR_LINK, .description = "Address of the image" },
    { "file", KN_ATTR_LINK, .description = "Address of the image file" },
    { "schema", KN_ATTR_LINK, .description = "Address of the schema" },
    { "kilonova_warnings", KN_ATTR_LINK,
      .description = "What is probably wrong with the properties; there only if something is" },
    { "locations", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
    { "direct_url", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
    { "stores", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
    { "deleted", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
    { "deleted_at", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
    { "is_public", KN_ATTR_STRING, .flags = KN_ATTR_HIDDEN },
};

const KnImageAttr *
kn_image_attrs (gsize *out_n)
{
    *out_n = G_N_ELEMENTS (attrs);
    return attrs;
}

const KnImageAttr *
kn_image_attr_find (const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS (attrs); i++) {
        if (g_strcmp0 (attrs[i].name, name) == 0)
            return &attrs[i];
    }
    return NULL;
}
