/* Chooses the instruction set once, and holds what is the same in all sets: strides, the folding of
 * sums. */
#include "kernels/cpu/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[CN__ISA_COUNT] = {"plain", "sse2", "avx2", "avx512"};

const char *cn__cpu_isa_name(int isa)
{
    return isa >= 0 && isa < CN__ISA_COUNT ? names[isa] : "unknown";
}

int cn__cpu_isa_supported(int isa)
{
    if (isa == CN__ISA_PLAIN)
        return 1;
#ifdef CN__HAVE_ISA_sse2
    if (isa == CN__ISA_SSE2)
        return 1;
#endif
#ifdef CN__HAVE_ISA_avx2
    if (isa == CN__ISA_AVX2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#ifdef CN__HAVE_ISA_avx512
    if (isa == CN__ISA_AVX512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
#endif
    return 0;
}

static int choose_isa(void)
{
    const char *wish = getenv("CORNU_ISA");
    if (wish != NULL) {
        for (int i = 0; i < CN__ISA_COUNT; i++)
            if (strcmp(wish, names[i]) == 0 && cn__cpu_isa_supported(i))
                return i;
    }
    int best = CN__ISA_COUNT - 1;
    while (!cn__cpu_isa_supported(best))
        best--;
    return best;
}

int cn__cpu_isa(void)
{
    /* Two threads that come first together compute the same number, so a plain atomic is enough. */
    static atomic_int chosen = -1;
    int isa = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (isa < 0) {
        int mine = choose_isa();
        int none = -1;
        /* The first answer stays, should the environment change in between. */
        isa = atomic_compare_exchange_strong(&chosen, &none, mine) ? mine : none;
    }
    return isa;
}

/* A panel stride: whole lines of 16 floats, an odd number of them, so that equal places of
 * consecutive panels fall into different sets of the cache. */
static int64_t panel_stride(int64_t floats)
{
    int64_t lines = (floats + 15) / 16;
    return 16 * (lines | 1);
}

int64_t cn__p16_stride(int64_t rows)
{
    return panel_stride(16 * rows);
}

/* Eight rows more than K keep the prefetch of the next block of the last panel inside the array. */
int64_t cn__w32_stride(int64_t k)
{
    return panel_stride(32 * k + 256);
}

int64_t cn__wt_stride(int64_t k)
{
    return panel_stride(k);
}

int64_t cn__p16_size(int64_t rows, int64_t cols)
{
    return cn__units(cols, 16) * cn__p16_stride(rows);
}

int64_t cn__w32_size(int64_t k, int64_t n)
{
    return cn__units(n, 32) * cn__w32_stride(k);
}

int64_t cn__wt_size(int64_t k, int64_t n)
{
    return n * cn__wt_stride(k);
}

double cn__sum_fold(const double *partial, int64_t n)
{
    if (n <= 2)
        return n == 2 ? partial[0] + partial[1] : n == 1 ? partial[0] : 0.0;
    int64_t half = n / 2;
    return cn__sum_fold(partial, half) + cn__sum_fold(partial + half, n - half);
}
