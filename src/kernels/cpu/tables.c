/* Hands out the table of kernels of an instruction set. */
#include "kernels/cpu/cpu.h"

#include <string.h>

extern const cn__cpu cn__cpu_table_plain, cn__cpu_table_sse2, cn__cpu_table_avx2,
    cn__cpu_table_avx512;

static const cn__cpu *const tables[CN__ISA_COUNT] = {
    [CN__ISA_PLAIN] = &cn__cpu_table_plain,
#ifdef CN__HAVE_ISA_sse2
    [CN__ISA_SSE2] = &cn__cpu_table_sse2,
#endif
#ifdef CN__HAVE_ISA_avx2
    [CN__ISA_AVX2] = &cn__cpu_table_avx2,
#endif
#ifdef CN__HAVE_ISA_avx512
    [CN__ISA_AVX512] = &cn__cpu_table_avx512,
#endif
};

const cn__cpu *cn__cpu_get(void)
{
    return tables[cn__cpu_isa()];
}

const cn__cpu *cn__cpu_by_name(const char *name)
{
    for (int i = 0; name != NULL && i < CN__ISA_COUNT; i++)
        if (strcmp(name, cn__cpu_isa_name(i)) == 0)
            return cn__cpu_isa_supported(i) ? tables[i] : NULL;
    return NULL;
}
