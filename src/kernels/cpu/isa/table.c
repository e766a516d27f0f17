/* The table of the kernels of one instruction set. */
#include "kernels/cpu/isa/kernels.h"

#define STRING2(x) #x
#define STRING1(x) STRING2(x)

#if L_ == 16
#define ISA_NUMBER CN__ISA_AVX512
#elif L_ == 8
#define ISA_NUMBER CN__ISA_AVX2
#elif L_ == 4
#define ISA_NUMBER CN__ISA_SSE2
#else
#define ISA_NUMBER CN__ISA_PLAIN
#endif

#define ENTRY(name) .name = CN__FN(name)

extern const cn__cpu CN__FN(cpu_table);

const cn__cpu CN__FN(cpu_table) = {
    .name = STRING1(CN__ISA),
    .isa = ISA_NUMBER,
    .lanes = L_,
    ENTRY(ew_run),
    ENTRY(ew_sums),
    ENTRY(dense_forward),
    ENTRY(dense_backward_data),
    ENTRY(dense_backward_weights),
    ENTRY(skinny_forward),
    ENTRY(skinny_backward_data),
    ENTRY(skinny_backward_weights),
    ENTRY(gemv),
    ENTRY(sgemm),
    ENTRY(sgemm_scratch),
    ENTRY(row_sum),
    ENTRY(row_max),
    ENTRY(row_argmax),
    ENTRY(row_logsumexp),
    ENTRY(softmax),
    ENTRY(softmax_ce),
    ENTRY(col_sum),
    ENTRY(sum_blocks),
    ENTRY(sumsq_blocks),
    ENTRY(pack_p16),
    ENTRY(unpack_p16),
    ENTRY(pack_w32),
    ENTRY(unpack_w32),
    ENTRY(pack_wt),
    ENTRY(unpack_wt),
    ENTRY(gather),
    ENTRY(convert),
};
