/* What the records of reductions share: attrs.i[0] = keepdims, i[1] = number of axes or CN_NONE for
 * all, i[2 …] = axes. */
#ifndef CN_OPS_REDUCE_H
#define CN_OPS_REDUCE_H

#include "ops/op.h"

/* The shape that is left, of one output. */
int cn__infer_reduced(cn__node *node, cn_dtype dtype);
/* ROW if the batch axis is kept, `along_rows` if it is reduced. */
cn__batch cn__batch_reduced(const cn__node *node, const bool *batched, cn__batch along_rows);
/* The attributes of a reduction of x over `n` axes (n < 0: all): axes from 0 on, sorted, so that
 * equal reductions have equal attributes. `who` names the caller in errors. */
int cn__reduce_attrs(cn__attrs *attrs, const cn_tensor *x, int n, const int64_t *axes,
                     bool keepdims, const char *who);
/* cn_moments_axes in the name of `who`. */
int cn__moments(cn_tensor *x, int n, const int64_t *axes, bool keepdims, const char *who,
                cn_tensor **mean, cn_tensor **variance);

#endif
