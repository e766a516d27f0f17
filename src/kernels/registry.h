/* Which kernel runs a call: fast ones say what they claim, the op's reference kernel takes the
 * rest. */
#ifndef CN_KERNELS_REGISTRY_H
#define CN_KERNELS_REGISTRY_H

#include "core/op.h"

/* A list of claims ends with a NULL op; the first kernel of the first list whose claims(call) holds
 * is chosen. */
typedef struct cn__claim {
    const cn__op *op;
    const cn__kernel *kernel;
} cn__claim;

extern const cn__claim cn__cpu_claims[];
extern const cn__claim cn__onednn_claims[];

const cn__kernel *cn__kernel_for(const cn__call *call);
/* Runs all units of a call now, on the pool where it is large; allocates its scratch. */
int cn__run(const cn__call *call);

#endif
