/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder of one controller. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct KnDataFolder KnDataFolder;

/* Makes the folder if need be and locks it for this process. Errors: IN_USE naming the pid of the process that has it. */
KnDataFolder *kn_data_folder_open (const char *path, GError **error);
void kn_data_folder_close (KnDataFolder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KnDataFolder, kn_data_folder_close)

/* Path of @name in the folder; caller frees. */
char *kn_data_folder_file (const KnDataFolder *folder, const char *name);

/* As above for a subfolder, made with @mode if it is missing. */
char *kn_data_folder_ensure_dir (const KnDataFolder *folder, const char *name, int mode,
                                 GError **error);

/* Writes openrc and clouds.yaml for admin, mode 0600. */
bool kn_data_folder_write_credentials (const KnDataFolder *folder, const char *auth_url,
                                       const char *region, const char *password, GError **error);
