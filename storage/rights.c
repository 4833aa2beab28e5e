#include "storage/rights.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE "firegw"
#define NAMES_MAX 4096
#define PATH_MAX_BYTES 4200

static void user_name(uid_t uid, char *buf, size_t cap)
{
	char names[NAMES_MAX];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, names, sizeof names, &found) == 0 && found)
		snprintf(buf, cap, "%.32s", pw.pw_name);
	else
		snprintf(buf, cap, "%u", (unsigned)uid);
}

const char *rights_to_write(char buf[RIGHTS_TEXT_MAX])
{
	char user[40];

	user_name(geteuid(), user, sizeof user);
	if (strcmp(user, SERVICE) == 0)
		snprintf(buf, RIGHTS_TEXT_MAX, "firegwd's user must be able to write the file and its directory (chown firegw:firegw, modes 0640 and 0750)");
	else
		snprintf(buf, RIGHTS_TEXT_MAX, "firegwd was started as %s: let %s write the file and its directory, name another storage.path, or start the service, which is user " SERVICE,
		         user, user);
	return buf;
}

/* Of the file, or of the directory where that is all one may see. */
static int owners(const char *path, struct stat *ret)
{
	char dir[PATH_MAX_BYTES];
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;

	if (stat(path, ret) == 0)
		return 0;
	if (len >= sizeof dir)
		return -1;
	memcpy(dir, slash ? path : ".", len);
	dir[len] = '\0';
	return stat(dir, ret);
}

/* A group that is there for this: not root's, and nobody's own (of the name of the owner, unless that is the service). */
const char *rights_to_read(const char *path, char buf[RIGHTS_TEXT_MAX])
{
	char names[NAMES_MAX], owner[40];
	struct group gr, *found = NULL;
	struct stat st;

	if (owners(path, &st) < 0) {
		snprintf(buf, RIGHTS_TEXT_MAX, "become a member of its group (usermod -aG " SERVICE " USER)");
		return buf;
	}
	user_name(st.st_uid, owner, sizeof owner);
	bool shared = st.st_gid != 0 && (st.st_mode & S_IRGRP) && getgrgid_r(st.st_gid, &gr, names, sizeof names, &found) == 0 && found &&
	              (strcmp(gr.gr_name, owner) != 0 || strcmp(owner, SERVICE) == 0);
	if (shared)
		snprintf(buf, RIGHTS_TEXT_MAX, "become a member of its group (usermod -aG %.32s USER)", gr.gr_name);
	else
		snprintf(buf, RIGHTS_TEXT_MAX, "it is %s's alone, who started firegwd by hand: read it as %s (sudo -u %s)", owner, owner, owner);
	return buf;
}
