/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef DEVMEMCAT_ADDRESS_H
#define DEVMEMCAT_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

#include "report.h"

struct addrinfo;

/*
 * Each says what is wrong and returns the exit status it deserves.
 * address_resolve() gives a list to be freed with freeaddrinfo(); @host NULL
 * stands for any local address.
 */
enum dm_exit address_resolve(const char *host, uint16_t port, int family,
			     struct addrinfo **list);

/* The index of interface @name. */
enum dm_exit address_find_interface(const char *name, uint32_t *ifindex);
/* The interface that has local address @addr. */
enum dm_exit address_interface_of(const struct sockaddr *addr,
				  uint32_t *ifindex);

/* "192.0.2.1:5201", "[2001:db8::1]:5201"; an IPv4-mapped one as IPv4. */
void address_format(const struct sockaddr *addr, char *buf, size_t size);

/* Do @a and @b hold the same IP address? */
int address_is_same(const struct sockaddr *a, const struct sockaddr *b);

#endif /* DEVMEMCAT_ADDRESS_H */
