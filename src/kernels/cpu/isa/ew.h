/* The operations of elementwise programs, one loop each. */
#ifndef CN_KERNELS_CPU_ISA_EW_H
#define CN_KERNELS_CPU_ISA_EW_H

#include "kernels/cpu/isa/vec.h"

/* What a loop reads: for each operand a pointer and a mask for the index, all ones for an array of
 * n floats, zero for a vector of equal values, so that one loop serves both. */
typedef struct ew_src {
    const float *p;
    uint64_t mask;
} ew_src;

typedef void ew_fn(float *dst, const ew_src *src, int64_t n);

/* By opcode; NULL for ADAM. */
extern ew_fn *const CN__FN(ew_table)[CN__EW_OP_COUNT];

#endif
