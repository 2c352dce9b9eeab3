/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A byte stream in which every byte follows from its position, so that a
 * receiver notices lost, repeated, moved and changed bytes.
 */
#ifndef DEVMEMCAT_PATTERN_H
#define DEVMEMCAT_PATTERN_H

#include <stddef.h>
#include <stdint.h>

void pattern_fill(uint64_t seed, uint64_t pos, void *buf, size_t len);

/* Returns @len if all bytes are right, else the index of the first wrong one. */
size_t pattern_check(uint64_t seed, uint64_t pos, const void *buf, size_t len);

uint8_t pattern_byte(uint64_t seed, uint64_t pos);

#endif /* DEVMEMCAT_PATTERN_H */
