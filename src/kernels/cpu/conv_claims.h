/* Kernels of convolutions and pools for cn__cpu_claims. */
#ifndef CN_KERNELS_CPU_CONV_CLAIMS_H
#define CN_KERNELS_CPU_CONV_CLAIMS_H

#include "core/op.h"

extern const cn__kernel cn__cpu_conv, cn__cpu_conv_gradient_input, cn__cpu_conv_gradient_kernel;
extern const cn__kernel cn__cpu_max_pool, cn__cpu_max_pool_gradient;
extern const cn__kernel cn__cpu_average_pool, cn__cpu_average_pool_gradient;

#endif
