/* A loop as an op carries it in its attributes, and how it is run. */
#ifndef CN_KERNELS_REFERENCE_LOOP_H
#define CN_KERNELS_REFERENCE_LOOP_H

#include "core/op.h"
#include <cornu/control.h>

typedef struct cn__loop {
    cn_loop_cond cond;
    cn_loop_body body;
    void *user;
    int64_t rounds; /* at most; CN_NONE: no limit */
} cn__loop;

void cn__loop_write(const cn__loop *loop, cn__attrs *attrs);
cn__loop cn__loop_read(const cn__attrs *attrs);
/* Runs it at once on n eager tensors and leaves the last ones in `vars`. What a round leaves behind
 * is freed with it. */
int cn__loop_run(const cn__loop *loop, int n, cn_tensor **vars);

#endif
