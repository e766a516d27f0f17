/* Tapes: what is recorded, and gradients over what was. */
#ifndef CN_OPS_TAPE_H
#define CN_OPS_TAPE_H

#include "core/op.h"

/* Whether an active tape of this thread wants the results of an eager node to remember it. */
bool cn__tape_records(const cn__node *node);
/* Whether a tape of this thread is recording. */
bool cn__tape_active(void);
/* Gradients of sum(targets · output_gradients) with respect to sources: grads[i] is NULL where
 * nothing connects. Without a tape every node counts (symbolic training steps); output_gradients
 * may be NULL. */
int cn__gradients(int n_targets, cn_tensor *const *targets, cn_tensor *const *output_gradients,
                  int n_sources, cn_tensor *const *sources, cn_tensor **grads);

#endif
