/* Philox 4x32-10: the plain generator, and the same for many counters at once in vectors of AVX2
 * and AVX-512. */
#include "core/philox.h"

#include "core/random.h"

#include <stdatomic.h>
#include <stddef.h>

/* The multipliers and the steps of the key (Salmon et al., SC 2011, table 2). */
#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u
#define ROUNDS 10

void cn__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t p1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

typedef void blocks_fn(uint64_t key, uint64_t step, uint64_t first, uint32_t *out);

static void blocks_plain(uint64_t key, uint64_t step, uint64_t first, uint32_t *out)
{
    const uint32_t k[2] = {(uint32_t)key, (uint32_t)(key >> 32)};
    for (uint64_t b = 0; b < CN__PHILOX_BLOCKS; b++) {
        const uint32_t counter[4] = {(uint32_t)(first + b), (uint32_t)((first + b) >> 32),
                                     (uint32_t)step, (uint32_t)(step >> 32)};
        cn__philox(counter, k, out + 4 * b);
    }
}

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

/* Each word of a counter sits in the lower half of a lane of 64 bits, where the product of two
 * lower halves fits. What is in an upper half never reaches a lower one, so that it needs no
 * clearing: products read lower halves, and xor keeps bits where they are. Four vectors side by
 * side hide how long a product takes. */
enum { SIDE = 4 };

/* Lane l of the vectors holds block 0 2 4 … or 1 3 5 … such that unpacking leaves the blocks in
 * order. */
__attribute__((target("avx512f"))) static void blocks_avx512(uint64_t key, uint64_t step,
                                                             uint64_t first, uint32_t *out)
{
    const __m512i m0 = _mm512_set1_epi64(MULTIPLIER_0), m1 = _mm512_set1_epi64(MULTIPLIER_1);
    const __m512i order = _mm512_set_epi64(7, 3, 6, 2, 5, 1, 4, 0);
    __m512i c0[SIDE], c1[SIDE], c2[SIDE], c3[SIDE];
    for (int s = 0; s < SIDE; s++) {
        c0[s] = _mm512_add_epi64(_mm512_set1_epi64((int64_t)(first + 8 * (uint64_t)s)), order);
        c1[s] = _mm512_srli_epi64(c0[s], 32);
        c2[s] = _mm512_set1_epi64((int64_t)step);
        c3[s] = _mm512_srli_epi64(c2[s], 32);
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        const __m512i v0 = _mm512_set1_epi64(k0), v1 = _mm512_set1_epi64(k1);
        for (int s = 0; s < SIDE; s++) {
            __m512i p0 = _mm512_mul_epu32(m0, c0[s]), p1 = _mm512_mul_epu32(m1, c2[s]);
            c0[s] = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(p1, 32), c1[s]), v0);
            c2[s] = _mm512_xor_si512(_mm512_xor_si512(_mm512_srli_epi64(p0, 32), c3[s]), v1);
            c1[s] = p1;
            c3[s] = p0;
        }
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    const __m512i low = _mm512_set1_epi64(0xFFFFFFFF);
    for (int s = 0; s < SIDE; s++) {
        __m512i a = _mm512_or_si512(_mm512_and_si512(c0[s], low), _mm512_slli_epi64(c1[s], 32));
        __m512i b = _mm512_or_si512(_mm512_and_si512(c2[s], low), _mm512_slli_epi64(c3[s], 32));
        _mm512_storeu_si512(out + 32 * s, _mm512_unpacklo_epi64(a, b));
        _mm512_storeu_si512(out + 32 * s + 16, _mm512_unpackhi_epi64(a, b));
    }
}

/* Half of the blocks; the same with four lanes. */
__attribute__((target("avx2"))) static void half_avx2(uint64_t key, uint64_t step, uint64_t first,
                                                      uint32_t *out)
{
    const __m256i m0 = _mm256_set1_epi64x(MULTIPLIER_0), m1 = _mm256_set1_epi64x(MULTIPLIER_1);
    const __m256i order = _mm256_set_epi64x(3, 1, 2, 0);
    __m256i c0[SIDE], c1[SIDE], c2[SIDE], c3[SIDE];
    for (int s = 0; s < SIDE; s++) {
        c0[s] = _mm256_add_epi64(_mm256_set1_epi64x((int64_t)(first + 4 * (uint64_t)s)), order);
        c1[s] = _mm256_srli_epi64(c0[s], 32);
        c2[s] = _mm256_set1_epi64x((int64_t)step);
        c3[s] = _mm256_srli_epi64(c2[s], 32);
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        const __m256i v0 = _mm256_set1_epi64x(k0), v1 = _mm256_set1_epi64x(k1);
        for (int s = 0; s < SIDE; s++) {
            __m256i p0 = _mm256_mul_epu32(m0, c0[s]), p1 = _mm256_mul_epu32(m1, c2[s]);
            c0[s] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c1[s]), v0);
            c2[s] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c3[s]), v1);
            c1[s] = p1;
            c3[s] = p0;
        }
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    const __m256i low = _mm256_set1_epi64x(0xFFFFFFFF);
    for (int s = 0; s < SIDE; s++) {
        __m256i a = _mm256_or_si256(_mm256_and_si256(c0[s], low), _mm256_slli_epi64(c1[s], 32));
        __m256i b = _mm256_or_si256(_mm256_and_si256(c2[s], low), _mm256_slli_epi64(c3[s], 32));
        _mm256_storeu_si256((__m256i *)(void *)(out + 16 * s), _mm256_unpacklo_epi64(a, b));
        _mm256_storeu_si256((__m256i *)(void *)(out + 16 * s + 8), _mm256_unpackhi_epi64(a, b));
    }
}

static void blocks_avx2(uint64_t key, uint64_t step, uint64_t first, uint32_t *out)
{
    _Static_assert(CN__PHILOX_BLOCKS == 8 * SIDE, "AVX-512 makes all blocks at once");
    half_avx2(key, step, first, out);
    half_avx2(key, step, first + 4 * SIDE, out + 16 * SIDE);
}

static blocks_fn *choose(void)
{
    return __builtin_cpu_supports("avx512f") ? blocks_avx512
           : __builtin_cpu_supports("avx2")  ? blocks_avx2
                                             : blocks_plain;
}

#else

static blocks_fn *choose(void)
{
    return blocks_plain;
}

#endif

void cn__philox_blocks(uint64_t key, uint64_t step, uint64_t first, uint32_t *out)
{
    static _Atomic(blocks_fn *) chosen;
    blocks_fn *fn = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (fn == NULL) {
        fn = choose();
        atomic_store_explicit(&chosen, fn, memory_order_relaxed);
    }
    fn(key, step, first, out);
}
