// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <net/if.h>
#include <netinet/in.h>

#include "address.h"

enum dm_exit address_resolve(const char *host, uint16_t port, int family,
			     struct addrinfo **list)
{
	struct addrinfo hints = {
		.ai_family	= family,
		.ai_socktype	= SOCK_STREAM,
		.ai_flags	= host ? AI_NUMERICSERV :
					 AI_NUMERICSERV | AI_PASSIVE,
	};
	char service[8];
	int err;

	snprintf(service, sizeof(service), "%u", port);
	err = getaddrinfo(host, service, &hints, list);
	if (!err)
		return DM_EXIT_OK;
	if (err == EAI_SYSTEM)
		return fail_errno(errno, "%s", host ? host : "any address");
	return fail(DM_EXIT_FAILURE, "%s: %s", host ? host : "any address",
		    gai_strerror(err));
}

enum dm_exit address_find_interface(const char *name, uint32_t *ifindex)
{
	*ifindex = if_nametoindex(name);
	if (*ifindex)
		return DM_EXIT_OK;
	return fail(DM_EXIT_FAILURE,
		    "%s: there is no such interface in this network namespace",
		    name);
}

int address_is_same(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct in6_addr *a6, *b6;

	if (a->sa_family == AF_INET && b->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	if (a->sa_family != AF_INET6 || b->sa_family != AF_INET6)
		return 0;
	a6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
	b6 = &((const struct sockaddr_in6 *)b)->sin6_addr;
	return !memcmp(a6, b6, sizeof(*a6));
}

/* ::ffff:192.0.2.1 is at the interface that has 192.0.2.1. */
static void unmap(const struct sockaddr *addr, struct sockaddr_storage *plain)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)plain;

	memset(plain, 0, sizeof(*plain));
	if (addr->sa_family == AF_INET) {
		memcpy(plain, addr, sizeof(struct sockaddr_in));
	} else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		in->sin_family = AF_INET;
		in->sin_port = in6->sin6_port;
		memcpy(&in->sin_addr, &in6->sin6_addr.s6_addr[12],
		       sizeof(in->sin_addr));
	} else {
		memcpy(plain, addr, sizeof(struct sockaddr_in6));
	}
}

enum dm_exit address_interface_of(const struct sockaddr *addr,
				  uint32_t *ifindex)
{
	struct sockaddr_storage plain;
	struct ifaddrs *list, *i;

	*ifindex = 0;
	unmap(addr, &plain);
	if (getifaddrs(&list) < 0)
		return fail_errno(errno, "cannot list the interfaces");
	for (i = list; i && !*ifindex; i = i->ifa_next)
		if (i->ifa_addr &&
		    address_is_same(i->ifa_addr, (struct sockaddr *)&plain))
			*ifindex = if_nametoindex(i->ifa_name);
	freeifaddrs(list);
	if (*ifindex)
		return DM_EXIT_OK;
	return fail(DM_EXIT_FAILURE,
		    "no interface has that local address: give --interface");
}

void address_format(const struct sockaddr *addr, char *buf, size_t size)
{
	char host[48], port[8];
	struct sockaddr_storage plain;
	bool v6;

	unmap(addr, &plain);
	v6 = plain.ss_family == AF_INET6;
	if (getnameinfo((struct sockaddr *)&plain, sizeof(plain), host,
			sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, v6 ? "[%s]:%s" : "%s:%s", host, port);
}
