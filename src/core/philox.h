/* Many blocks of Philox 4x32-10 at once, by the widest vectors that the processor has. */
#ifndef CN_CORE_PHILOX_H
#define CN_CORE_PHILOX_H

#include <stdint.h>

enum { CN__PHILOX_BLOCKS = 32, CN__PHILOX_WORDS = 4 * CN__PHILOX_BLOCKS };

/* out[4 * b + w] = word w of Philox(counter: block first + b below, step above; key), for
 * CN__PHILOX_BLOCKS blocks. */
void cn__philox_blocks(uint64_t key, uint64_t step, uint64_t first, uint32_t *out);

#endif
