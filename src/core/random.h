/* Philox 4x32-10, a counter-based generator: element i of a draw depends on (key, counter, i) only.
 */
#ifndef CN_CORE_RANDOM_H
#define CN_CORE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* out[0 … 3] = Philox4x32-10(counter, key) (Salmon et al., SC 2011). */
void cn__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A stream: `key` from seed and op, `step` counts the draws of that op. */
typedef struct cn__stream {
    uint64_t key;
    uint64_t step;
} cn__stream;

/* Elements [begin, begin + n) of the stream's draw, whatever the split. Uniform in [0, 1): 24 bits
 * of mantissa. */
void cn__random_uniform(cn__stream stream, int64_t begin, int64_t n, float *out);
void cn__random_normal(cn__stream stream, int64_t begin, int64_t n,
                       float *out); /* Box-Muller, mean 0, deviation 1 */
/* Normal, redrawn until within two deviations (each element has its own sub-counter for redraws).
 */
void cn__random_truncated_normal(cn__stream stream, int64_t begin, int64_t n, float *out);
/* Raw 32-bit words. */
void cn__random_bits(cn__stream stream, int64_t begin, int64_t n, uint32_t *out);
/* keep[i] = 1 with probability `keep`, else 0. */
void cn__random_keep(cn__stream stream, int64_t begin, int64_t n, double keep, uint8_t *out);
/* A uniform permutation of 0 … n - 1 that depends on the stream only (Fisher-Yates). */
void cn__random_permutation(cn__stream stream, int64_t n, int64_t *out);

/* Seeds: the global seed (cn_set_random_seed; from the clock and address space until then), and
 * streams derived from it. An op or layer without a seed of its own gets the next number of a
 * process-wide counter that cn_set_random_seed resets. */
uint64_t cn__seed_global(void);
uint64_t cn__seed_next(void); /* a fresh key: mixes the global seed with the next count */
uint64_t cn__seed_mix(uint64_t seed,
                      uint64_t op); /* a key from an own seed and an op's number (SplitMix64) */

#endif
