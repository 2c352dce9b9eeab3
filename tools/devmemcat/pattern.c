// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <endian.h>
#include <string.h>

#include "pattern.h"

#define WORD	sizeof(uint64_t)

/*
 * The 8 bytes at position 8 * @index.  The odd factor makes all words of a
 * stream different, the fold brings the well-mixed upper half down.
 */
static uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t x = (index + seed + 1) * 0x9e3779b97f4a7c15ULL;

	return htole64(x ^ x >> 29);
}

uint8_t pattern_byte(uint64_t seed, uint64_t pos)
{
	uint64_t word = pattern_word(seed, pos / WORD);

	return ((const uint8_t *)&word)[pos % WORD];
}

void pattern_fill(uint64_t seed, uint64_t pos, void *buf, size_t len)
{
	uint8_t *p = buf;

	for (; len && pos % WORD; len--)
		*p++ = pattern_byte(seed, pos++);
	for (; len >= WORD; len -= WORD, pos += WORD, p += WORD) {
		uint64_t word = pattern_word(seed, pos / WORD);

		memcpy(p, &word, WORD);
	}
	for (; len; len--)
		*p++ = pattern_byte(seed, pos++);
}

size_t pattern_check(uint64_t seed, uint64_t pos, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	size_t i = 0;

	while (i < len) {
		if (!(pos % WORD) && len - i >= WORD) {
			uint64_t word = pattern_word(seed, pos / WORD);

			if (!memcmp(p + i, &word, WORD)) {
				i += WORD;
				pos += WORD;
				continue;
			}
		}
		if (p[i] != pattern_byte(seed, pos))
			return i;
		i++;
		pos++;
	}
	return len;
}
