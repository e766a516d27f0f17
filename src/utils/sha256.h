/* SHA-256 (FIPS 180-4), to check what was downloaded. */
#ifndef CN_UTILS_SHA256_H
#define CN_UTILS_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct cn__sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    unsigned char block[64];
} cn__sha256;

void cn__sha256_begin(cn__sha256 *hash);
void cn__sha256_add(cn__sha256 *hash, const void *data, size_t size);
/* Writes 64 hexadecimal digits and the ending zero. */
void cn__sha256_end(cn__sha256 *hash, char text[65]);

#endif
