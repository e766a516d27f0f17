/* Kernels of sums and means over all axes between the first kept ones and the last. */
#ifndef CN_KERNELS_CPU_REDUCE_CLAIMS_H
#define CN_KERNELS_CPU_REDUCE_CLAIMS_H

#include "core/op.h"

extern const cn__kernel cn__cpu_reduce_columns, cn__cpu_moments;
/* x -> (2, columns) float64: sums and sums of squares over all axes but the last; and (2, columns)
 * -> mean, variance with attrs.i[0] rows. */
extern const cn__kernel cn__cpu_moments_sums, cn__cpu_moments_end;

#endif
