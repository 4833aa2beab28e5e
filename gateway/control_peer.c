#include "gateway/control_peer.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_MAX 65536 /* a passwd or group record; a group of thousands of members is longer and counts as unknown */

static int read_groups(int fd, struct control_peer *p, struct err *reterr)
{
	socklen_t len = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0) {
		p->groups_known = true;
		return 0;
	}
	if (errno != ERANGE)
		return 0; /* a kernel before 4.13: the database will tell */
	p->groups = malloc(len);
	if (!p->groups)
		return err_set(reterr, ERR_NO_MEMORY, "peer: no memory for its groups");
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len) < 0) {
		free(p->groups);
		p->groups = NULL;
		return err_set(reterr, ERR_IO, "peer: groups: %s", strerror(errno));
	}
	p->n_groups = len / sizeof(gid_t);
	p->groups_known = true;
	return 0;
}

int control_peer_read(int fd, struct control_peer *ret, struct err *reterr)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	struct control_peer p = { 0 };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return err_set(reterr, ERR_IO, "peer: credentials: %s", strerror(errno));
	p.uid = cred.uid;
	p.gid = cred.gid;
	if (read_groups(fd, &p, reterr))
		return -1;
	*ret = p;
	return 0;
}

void control_peer_done(struct control_peer *p)
{
	free(p->groups);
	*p = (struct control_peer){ 0 };
}

static bool is_member(const struct control_peer *p, gid_t group)
{
	if (group == CONTROL_NO_GROUP)
		return false;
	if (p->gid == group)
		return true;
	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] == group)
			return true;
	return false;
}

enum role control_peer_role(const struct control_peer *p, uid_t own_uid, gid_t operators, gid_t maintainers)
{
	if (p->uid == 0 || p->uid == own_uid)
		return ROLE_MAINTAINER;
	if (is_member(p, maintainers))
		return ROLE_MAINTAINER;
	return is_member(p, operators) ? ROLE_OPERATOR : ROLE_VIEWER;
}

gid_t control_peer_group(const char *name)
{
	struct group record, *found = NULL;

	if (!name || !name[0])
		return CONTROL_NO_GROUP;
	char *mem = malloc(RECORD_MAX);
	if (!mem)
		return CONTROL_NO_GROUP;
	int e = getgrnam_r(name, &record, mem, RECORD_MAX, &found);
	gid_t gid = e == 0 && found ? record.gr_gid : CONTROL_NO_GROUP;
	free(mem);
	return gid;
}

static void complete_groups(struct control_peer *p, const char *user, gid_t first)
{
	int n = 0;

	getgrouplist(user, first, NULL, &n);
	if (n <= 0)
		return;
	gid_t *groups = calloc((size_t)n, sizeof *groups);
	if (!groups)
		return;
	if (getgrouplist(user, first, groups, &n) < 0 || n < 0) {
		free(groups);
		return;
	}
	p->groups = groups;
	p->n_groups = (size_t)n;
	p->groups_known = true;
}

void control_peer_complete(struct control_peer *p, char *ret_user)
{
	struct passwd record, *found = NULL;

	ret_user[0] = '\0';
	char *mem = malloc(RECORD_MAX);
	if (!mem)
		return;
	if (getpwuid_r(p->uid, &record, mem, RECORD_MAX, &found) == 0 && found) {
		snprintf(ret_user, CONTROL_USER_MAX, "%s", record.pw_name);
		if (!p->groups_known)
			complete_groups(p, record.pw_name, record.pw_gid);
	}
	free(mem);
}
