/* Small helpers of the op records and of public functions. */
#ifndef CN_OPS_SUPPORT_H
#define CN_OPS_SUPPORT_H

#include "ops/op.h"

#include <inttypes.h>
#include <string.h>

enum { CN__SHAPE_TEXT = 256 }; /* a buffer that any shape's text fits in */

static inline int cn__infer_one(cn__node *node, cn_dtype dtype, const cn_shape *shape)
{
    node->n_out = 1;
    node->dtype[0] = dtype;
    node->shape[0] = *shape;
    return 0;
}

/* The only gradient of an op, or the error that kept it from being made. */
static inline int cn__one_gradient(cn_tensor **grads_in, cn_tensor *gradient)
{
    grads_in[0] = gradient;
    return gradient ? 0 : cn_error_code();
}

static inline cn__batch cn__row_if(bool by_row)
{
    return by_row ? CN__BATCH_ROW : CN__BATCH_MIX;
}

/* The batch behaviour of an op with one input whose rows stay rows unless attrs.i[0], an axis, is
 * the first. */
static inline cn__batch cn__batch_of_axis(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(node->attrs.i[0] != 0);
}

/* Of an op with one input that keeps every row to itself. */
static inline cn__batch cn__batch_row(const cn__node *node, const bool *batched)
{
    (void)node;
    return batched[0] ? CN__BATCH_ROW : CN__BATCH_NONE;
}

/* How many numbers a tuple has: what cn_tuple counted, else up to the last that is not zero. */
static inline int cn__ints_count(const cn_ints *t)
{
    int n = t->n;
    for (int i = 0; !t->n && i < 8; i++) {
        n = t->v[i] ? i + 1 : n;
    }
    return n;
}

/* A caller's keyword arguments over the defaults; both begin with their size. False and an error if
 * it was not set. */
static inline bool cn__take_args(void *to, const void *defaults, const void *given, const char *who)
{
    size_t size, want = 0;
    memcpy(&size, defaults, sizeof size);
    memcpy(to, defaults, size);
    if (cn__pending()) {
        return false;
    }
    if (given) {
        memcpy(&want, given, sizeof want);
    }
    if (want == 0) {
        cn__fail(CN_EVALUE, "%s: the arguments have no size; start from the defaults", who);
        return false;
    }
    memcpy(to, given, want < size ? want : size);
    memcpy(to, &size, sizeof size);
    return true;
}

/* attrs.i[at] = rank, attrs.i[at + 1 …] = lengths. */
static inline void cn__attrs_shape(cn__attrs *attrs, int at, int rank, const int64_t *shape)
{
    attrs->i[at] = rank;
    for (int i = 0; i < rank; i++) {
        attrs->i[at + 1 + i] = shape[i];
    }
}

/* The length that two inputs must share where both know theirs: -2 if they disagree. */
static inline int64_t cn__agree(int64_t a, int64_t b)
{
    return a == b || b == -1 ? a : a == -1 ? b : -2;
}

#endif
