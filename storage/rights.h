/* rights: who may open the database, said so that it fits whoever runs the program: the service's user, or somebody by hand. */
#ifndef FIREGW_STORAGE_RIGHTS_H
#define FIREGW_STORAGE_RIGHTS_H

#define RIGHTS_TEXT_MAX 240

/* The cure where we may not write. Gives buf. */
const char *rights_to_write(char buf[RIGHTS_TEXT_MAX]);
/* The cure where we may not read what stands at path. Gives buf. */
const char *rights_to_read(const char *path, char buf[RIGHTS_TEXT_MAX]);

#endif
