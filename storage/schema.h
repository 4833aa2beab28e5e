/* schema: the tables and views of the database, as numbered migrations. */
#ifndef FIREGW_STORAGE_SCHEMA_H
#define FIREGW_STORAGE_SCHEMA_H

#include "core/err.h"

#include <sqlite3.h>

#define SCHEMA_APPLICATION_ID 0x66697265 /* "fire", in the file's header */

/* Newest version that this program knows. */
int schema_newest(void);

enum schema_file { SCHEMA_EMPTY, SCHEMA_OURS };
/* What the file is. ERR_INVALID: another program's database; ERR_UNSUPPORTED: written by a newer firegw; ERR_DAMAGED: no SQLite database, or broken. */
int schema_identify(sqlite3 *db, const char *path, enum schema_file *ret, int *ret_version, struct err *reterr);
/* Applies what is missing above `version`, each in a transaction of its own. */
int schema_migrate(sqlite3 *db, const char *path, int version, struct err *reterr);

#endif
