/* Kernels of sums and means over all axes between the first kept ones and the last. */
#ifndef CN_KERNELS_CPU_REDUCE_CLAIMS_H
#define CN_KERNELS_CPU_REDUCE_CLAIMS_H

#include "core/op.h"

extern const cn__kernel cn__cpu_reduce_columns;

#endif
