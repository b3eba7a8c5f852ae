/* SPDX-License-Identifier: Apache-2.0 */
/* Formats from crafted headers, and from files that qemu-img makes. */
#include "image/format.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/util.h"

#define SIZE (256 * KIB)

typedef struct {
    const guint8 *bytes;
    gsize len;
} Bytes;

static gsize
read_bytes (gpointer data, guint64 offset, void *buffer, gsize len)
{
    const Bytes *bytes = data;

    if (offset >= bytes->len)
        return 0;
    gsize n = MIN (len, bytes->len - (gsize)offset);
    memcpy (buffer, bytes->bytes + offset, n);
    return n;
}

static bool
detect (const guint8 *bytes, gsize len, gsize whole, KnFormatInfo *info, GError **error)
{
    Bytes data = { bytes, len };

    return kn_format_detect (
        &(KnFormatInput){ .read = read_bytes, .data = &data, .size_bytes = whole }, info, error);
}

/* One field of a file: big-endian number of @width bytes, or text. */
typedef struct {
    gsize at;
    guint width;
    guint64 value;
    const char *text;
} Poke;

typedef struct {
    const char *name;
    Poke pokes[8];
    KnFormat format;      /* what it is */
    const char *refused;  /* a word of the refusal; NULL: taken */
    guint64 virtual_size; /* 0: not checked */
    bool later;           /* only the whole file shows it */
    gsize len;            /* 0: SIZE */
} Case;

#define QCOW2(VERSION)                                                                             \
    { 0, 0, 0, "QFI\xfb" }, { 4, 4, VERSION }, { 20, 4, 16 }, { 24, 8, MIB }, { 48, 8, 0x10000 },  \
    {                                                                                              \
        100, 4, (VERSION) == 3 ? 104 : 0                                                           \
    }
#define VMDK                                                                                       \
    { 0, 0, 0, "KDMV" }, { 4, 4, 0x01000000 }, { 12, 8, 0x0008000000000000 },                      \
        { 28, 8, 0x0100000000000000 },                                                             \
    {                                                                                              \
        36, 8, 0x0200000000000000                                                                  \
    }

static const Case cases[] = {
    { "zeros", { { 0 } }, KN_FORMAT_RAW, .virtual_size = SIZE },
    { "mbr", { { 510, 2, 0x55aa } }, KN_FORMAT_RAW },
    { "mbr-and-iso", { { 510, 2, 0x55aa }, { 32769, 0, 0, "CD001" } }, KN_FORMAT_ISO },
    { "iso", { { 32769, 0, 0, "CD001" } }, KN_FORMAT_ISO, .virtual_size = SIZE },
    { "qcow2-v2", { QCOW2 (2) }, KN_FORMAT_QCOW2, .virtual_size = MIB },
    { "qcow2-v3", { QCOW2 (3) }, KN_FORMAT_QCOW2, .virtual_size = MIB },
    { "qcow2-v1", { QCOW2 (1) }, .refused = "version 1" },
    { "qcow2-v4", { QCOW2 (4) }, .refused = "version 4" },
    { "qcow2-backing",
      { QCOW2 (3), { 8, 8, 0x8000100000200 & 0x200 }, { 16, 4, 11 } },
      .refused = "backing file" },
    { "qcow2-backing-far", { QCOW2 (2), { 8, 8, ~(guint64)0 } }, .refused = "backing file" },
    { "qcow2-data-file", { QCOW2 (3), { 72, 8, 4 } }, .refused = "external data file" },
    { "qcow2-unknown-feature",
      { QCOW2 (3), { 72, 8, (guint64)1 << 63 } },
      .refused = "unknown features" },
    { "qcow2-corrupt", { QCOW2 (3), { 72, 8, 2 } }, .refused = "corrupt" },
    { "qcow2-dirty", { QCOW2 (3), { 72, 8, 1 } }, KN_FORMAT_QCOW2 },
    { "qcow2-encrypted", { QCOW2 (3), { 32, 4, 2 } }, .refused = "encrypted" },
    { "qcow2-clusters", { QCOW2 (3), { 20, 4, 40 } }, .refused = "cluster size" },
    { "qcow2-huge", { QCOW2 (3), { 24, 8, ~(guint64)0 } }, .refused = "size is out of range" },
    { "qcow2-l1-outside",
      { QCOW2 (3), { 36, 4, 100 }, { 40, 8, 0x40000000 } },
      .refused = "cut short",
      .later = true },
    { "qcow2-l1-wraps",
      { QCOW2 (3), { 36, 4, 100 }, { 40, 8, 0xffffffffffff0000 } },
      .refused = "cut short",
      .later = true },
    { "qcow2-short", { QCOW2 (3) }, .refused = "cut short", .len = 40 },
    { "qcow2-short-v3", { QCOW2 (3) }, .refused = "cut short", .len = 80 },
    { "vmdk",
      { VMDK, { 512, 0, 0, "createType=\"monolithicSparse\"\nRW 2 SPARSE \"x.vmdk\"\n" } },
      KN_FORMAT_VMDK,
      .virtual_size = 0x800 * 512 },
    { "vmdk-flat",
      { VMDK, { 512, 0, 0, "createType=\"monolithicFlat\"\nRW 2 FLAT \"/etc/shadow\" 0\n" } },
      .refused = "monolithicFlat" },
    { "vmdk-foreign",
      { VMDK, { 512, 0, 0, "createType=\"monolithicSparse\"\nRW 2 FLAT \"/etc/shadow\" 0\n" } },
      .refused = "foreign extents" },
    { "vmdk-two",
      { VMDK,
        { 512, 0, 0, "createType=\"monolithicSparse\"\nRW 2 SPARSE \"a\"\nRW 2 SPARSE \"b\"\n" } },
      .refused = "foreign extents" },
    { "vmdk-parent",
      { VMDK, { 512, 0, 0, "parentCID=1234abcd\ncreateType=\"monolithicSparse\"\n" } },
      .refused = "parent" },
    { "vmdk-typeless", { VMDK, { 512, 0, 0, "RW 2 SPARSE \"a\"\n" } }, .refused = "its type" },
    { "vmdk-no-descriptor", { VMDK, { 28, 8, 0 } }, .refused = "no descriptor" },
    { "vmdk-text",
      { { 0, 0, 0, "# Disk DescriptorFile\nversion=1\n" } },
      .refused = "other files" },
    { "vmdk-text-other",
      { { 0, 0, 0, "\n# anything\n \nversion=1\nRW 1 FLAT \"/etc/shadow\"\n" } },
      .refused = "other files" },
    { "vmdk-cowd", { { 0, 0, 0, "COWD" } }, .refused = "COWD" },
    { "vdi",
      { { 64, 4, 0x7f10dabe },
        { 68, 4, 0x01000100 },
        { 76, 4, 0x01000000 },
        { 368, 1, 0 },
        { 370, 1, 16 } },
      KN_FORMAT_VDI,
      .virtual_size = MIB },
    { "vdi-difference",
      { { 64, 4, 0x7f10dabe }, { 68, 4, 0x01000100 }, { 76, 4, 0x04000000 } },
      .refused = "stands on another" },
    { "vdi-parent",
      { { 64, 4, 0x7f10dabe }, { 68, 4, 0x01000100 }, { 76, 4, 0x01000000 }, { 440, 8, 1 } },
      .refused = "parent" },
    { "vhd",
      { { 0, 0, 0, "conectix" }, { 48, 8, MIB }, { 60, 4, 3 } },
      KN_FORMAT_VHD,
      .virtual_size = MIB },
    { "vhd-difference", { { 0, 0, 0, "conectix" }, { 60, 4, 4 } }, .refused = "parent" },
    { "vhdx-empty", { { 0, 0, 0, "vhdxfile" } }, .refused = "metadata", .later = true },
    { "qed", { { 0, 0, 0, "QED" } }, .refused = "QED" },
    { "luks", { { 0, 0, 0, "LUKS\xba\xbe" } }, .refused = "LUKS" },
    { "parallels", { { 0, 0, 0, "WithoutFreeSpace" } }, .refused = "Parallels" },
    { "bochs", { { 0, 0, 0, "Bochs Virtual HD Image" } }, .refused = "Bochs" },
};

static guint8 *
build (const Case *c)
{
    guint8 *bytes = g_malloc0 (SIZE);

    for (guint i = 0; i < G_N_ELEMENTS (c->pokes); i++) {
        const Poke *poke = &c->pokes[i];
        if (poke->text)
            memcpy (bytes + poke->at, poke->text, strlen (poke->text));
        for (guint k = 0; k < poke->width; k++)
            bytes[poke->at + k] = (guint8)(poke->value >> 8 * (poke->width - 1 - k));
    }
    return bytes;
}

static void
check_refusal (const Case *c, bool taken, const GError *error)
{
    if (!c->refused) {
        g_assert_no_error (error);
        g_assert_true (taken);
        return;
    }
    g_assert_false (taken);
    g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
    g_assert_true (kn_error_is_public (error));
    if (!strstr (error->message, c->refused))
        g_error ("%s: '%s' lacks '%s'", c->name, error->message, c->refused);
}

static void
test_case (gconstpointer data)
{
    const Case *c = data;
    gsize len = c->len ? c->len : SIZE;
    g_autofree guint8 *bytes = build (c);
    g_autoptr (GError) error = NULL, early = NULL;
    KnFormatInfo info = { 0 };

    bool taken = detect (bytes, len, len, &info, &error);
    check_refusal (c, taken, error);
    if (taken) {
        g_assert_cmpint (info.format, ==, c->format);
        if (c->virtual_size)
            g_assert_cmpuint (info.virtual_size_bytes, ==, c->virtual_size);
    }

    /* What the first bytes show is refused before the rest has come. */
    taken = detect (bytes, MIN (len, KN_FORMAT_HEAD), 0, &info, &early);
    if (c->later)
        g_assert_true (taken);
    else
        check_refusal (c, taken, early);
}

/* No prefix of any case makes it read beyond what is there or believe in a refused file. */
static void
test_prefixes (void)
{
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree guint8 *bytes = build (&cases[i]);
        for (gsize len = 0; len < 1200; len += 7) {
            g_autofree guint8 *copy = g_memdup2 (bytes, len);
            g_autoptr (GError) error = NULL;
            KnFormatInfo info;
            bool taken = detect (copy, len, len, &info, &error);
            g_assert_true (taken == (error == NULL));
        }
    }
}

typedef struct {
    KnFormat declared;
    KnFormatInfo info;
    int result; /* a KnFormat, -1: refused */
} Resolve;

static const Resolve resolves[] = {
    { KN_FORMAT_RAW, { KN_FORMAT_RAW }, KN_FORMAT_RAW },
    { KN_FORMAT_RAW, { KN_FORMAT_QCOW2 }, -1 },
    { KN_FORMAT_RAW, { KN_FORMAT_VMDK }, -1 },
    { KN_FORMAT_RAW, { KN_FORMAT_ISO }, KN_FORMAT_RAW },
    { KN_FORMAT_ISO, { KN_FORMAT_ISO }, KN_FORMAT_ISO },
    { KN_FORMAT_ISO, { KN_FORMAT_QCOW2 }, -1 },
    { KN_FORMAT_QCOW2, { KN_FORMAT_QCOW2 }, KN_FORMAT_QCOW2 },
    { KN_FORMAT_QCOW2, { KN_FORMAT_RAW }, KN_FORMAT_RAW },
    { KN_FORMAT_QCOW2, { KN_FORMAT_VDI }, -1 },
    { KN_FORMAT_QCOW2, { KN_FORMAT_ISO }, -1 },
    { KN_FORMAT_AMI, { KN_FORMAT_RAW }, KN_FORMAT_AMI },
    { KN_FORMAT_AKI, { KN_FORMAT_RAW, .archive = "gzip-compressed file" }, KN_FORMAT_AKI },
    { KN_FORMAT_AKI, { KN_FORMAT_QCOW2 }, -1 },
    { KN_FORMAT_RAW, { KN_FORMAT_RAW, .archive = "web page" }, -1 },
    { KN_FORMAT_QCOW2, { KN_FORMAT_RAW, .archive = "xz-compressed file" }, -1 },
    { KN_FORMAT_VHD, { KN_FORMAT_RAW, .vhd_footer = true }, KN_FORMAT_VHD },
    { KN_FORMAT_VHD, { KN_FORMAT_RAW }, KN_FORMAT_RAW },
    { KN_FORMAT_RAW, { KN_FORMAT_RAW, .vhd_footer = true }, KN_FORMAT_RAW },
};

static void
test_resolve (void)
{
    for (guint i = 0; i < G_N_ELEMENTS (resolves); i++) {
        const Resolve *r = &resolves[i];
        g_autoptr (GError) error = NULL;
        KnFormat format = KN_FORMAT_N;

        if (kn_format_resolve (r->declared, &r->info, &format, &error)) {
            g_assert_cmpint (format, ==, r->result);
        } else {
            g_assert_cmpint (r->result, ==, -1);
            g_assert_error (error, KN_ERROR, KN_ERROR_BAD_REQUEST);
        }
    }
}

static void
test_names (void)
{
    for (KnFormat f = 0; f < KN_FORMAT_N; f++) {
        KnFormat back = KN_FORMAT_N;
        g_assert_true (kn_format_from_string (kn_format_name (f), &back));
        g_assert_cmpint (back, ==, f);
        g_assert_nonnull (kn_format_driver (f));
    }
    g_assert_false (kn_format_from_string ("ploop", &(KnFormat){ 0 }));
    g_assert_false (kn_format_from_string (NULL, &(KnFormat){ 0 }));
}

/* -- real files ---------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    const char *options[6]; /* of qemu-img create, before file and size */
    int format;             /* -1: refused */
    const char *refused;
} Real;

static const Real reals[] = {
    { "raw", { "-f", "raw" }, KN_FORMAT_RAW },
    { "qcow2", { "-f", "qcow2" }, KN_FORMAT_QCOW2 },
    { "qcow2-v2", { "-f", "qcow2", "-o", "compat=0.10" }, KN_FORMAT_QCOW2 },
    { "qcow2-zstd", { "-f", "qcow2", "-o", "compression_type=zstd" }, KN_FORMAT_QCOW2 },
    { "qcow2-extended", { "-f", "qcow2", "-o", "extended_l2=on" }, KN_FORMAT_QCOW2 },
    { "qcow2-lazy", { "-f", "qcow2", "-o", "lazy_refcounts=on" }, KN_FORMAT_QCOW2 },
    { "qcow2-backing", { "-f", "qcow2", "-F", "raw", "-b", "raw" }, -1, "backing file 'raw'" },
    { "qcow2-data", { "-f", "qcow2", "-o", "data_file=outside" }, -1, "external data file" },
    { "vmdk", { "-f", "vmdk" }, KN_FORMAT_VMDK },
    { "vmdk-stream", { "-f", "vmdk", "-o", "subformat=streamOptimized" }, KN_FORMAT_VMDK },
    { "vmdk-flat", { "-f", "vmdk", "-o", "subformat=monolithicFlat" }, -1, "other files" },
    { "vmdk-split", { "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse" }, -1, "other files" },
    { "vmdk-backing", { "-f", "vmdk", "-F", "vmdk", "-b", "vmdk" }, -1, "parent" },
    { "vdi", { "-f", "vdi" }, KN_FORMAT_VDI },
    { "vdi-static", { "-f", "vdi", "-o", "static=on" }, KN_FORMAT_VDI },
    { "vhd", { "-f", "vpc", "-o", "force_size=on" }, KN_FORMAT_VHD },
    { "vhdx", { "-f", "vhdx" }, KN_FORMAT_VHDX },
    { "qed", { "-f", "qed" }, -1, "QED" },
    { "parallels", { "-f", "parallels" }, -1, "Parallels" },
};

static void
check_real (const Real *r, const char *folder)
{
    g_autofree char *path = g_build_filename (folder, r->name, NULL);
    const char *argv[12] = { "qemu-img", "create", "-q" };
    g_autoptr (GError) error = NULL;
    g_autofree char *bytes = NULL;
    KnFormatInfo info = { 0 };
    gsize len = 0;
    guint n = 3;

    for (guint i = 0; i < G_N_ELEMENTS (r->options) && r->options[i]; i++)
        argv[n++] = r->options[i];
    argv[n++] = path;
    if (!g_str_has_suffix (r->name, "-backing"))
        argv[n++] = "4M";
    g_assert_true (kn_spawn (argv, NULL, NULL, &error));
    g_assert_no_error (error);
    g_assert_true (g_file_get_contents (path, &bytes, &len, &error));

    if (!detect ((guint8 *)bytes, len, len, &info, &error)) {
        if (r->format >= 0 || !strstr (error->message, r->refused))
            g_error ("%s: %s", r->name, error->message);
        return;
    }
    g_assert_cmpint (info.format, ==, r->format);
    g_assert_cmpuint (info.virtual_size_bytes, ==, 4 * MIB);
}

static void
test_real (void)
{
    g_autofree char *tool = g_find_program_in_path ("qemu-img");
    g_autofree char *folder = g_dir_make_tmp ("kn-format-XXXXXX", NULL);

    if (!tool) {
        g_test_skip ("qemu-img is not installed");
        return;
    }
    /* -b and data_file= are relative. */
    g_autofree char *before = g_get_current_dir ();
    g_assert_cmpint (g_chdir (folder), ==, 0);
    for (guint i = 0; i < G_N_ELEMENTS (reals); i++)
        check_real (&reals[i], folder);
    g_assert_cmpint (g_chdir (before), ==, 0);

    g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
    for (const char *name; (name = g_dir_read_name (dir));) {
        g_autofree char *path = g_build_filename (folder, name, NULL);
        g_assert_cmpint (g_unlink (path), ==, 0);
    }
    g_assert_cmpint (g_rmdir (folder), ==, 0);
}

int
main (int argc, char **argv)
{
    g_test_init (&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
        g_autofree char *path = g_strdup_printf ("/image/format/%s", cases[i].name);
        g_test_add_data_func (path, &cases[i], test_case);
    }
    g_test_add_func ("/image/format/prefixes", test_prefixes);
    g_test_add_func ("/image/format/resolve", test_resolve);
    g_test_add_func ("/image/format/names", test_names);
    g_test_add_func ("/image/format/qemu-img", test_real);
    return g_test_run ();
}
