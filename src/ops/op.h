/* Applying ops: eagerly, under tapes, or into a graph that is being traced; and the list of all
 * ops. */
#ifndef CN_OPS_OP_H
#define CN_OPS_OP_H

#include "core/op.h"
#include <cornu/ops.h>

/* The number of ops and the i-th, in the list's order; by name, or NULL. */
int cn__op_count(void);
const cn__op *cn__op_at(int index);
const cn__op *cn__op_find(const char *name);

/* Applies an op to `n_in` tensors. Returns the first output (the others go to extra[0 … n_out - 2]
 * if extra is not NULL), or NULL and an error. A NULL input is an error naming the op. If any input
 * is symbolic, or a graph is being traced in this thread, a node is recorded; otherwise the kernel
 * runs at once and active tapes record it. */
cn_tensor *cn__apply(const cn__op *op, const cn__attrs *attrs, int n_in, cn_tensor *const *in,
                     cn_tensor **extra);
/* Told of every op on symbolic tensors outside a trace, once its outputs are made; NULL until there
 * are functional models, whose layers include such ops. Returns 0 or an error, which fails the op.
 */
typedef int cn__op_note(const cn__node *node, cn_tensor *const *out);
extern _Atomic(cn__op_note *) cn__note_op;
/* Inside cn__apply and gradients: whether anything wants the gradient of input i of the node (else
 * leave it NULL). */
bool cn__wants_gradient(const cn__node *node, int i);
/* Where the attributes of a reshape say that it stands for expand_dims or squeeze along an axis. */
enum {
    CN__RESHAPE_WORD = 20,
    CN__RESHAPE_AXIS = 21,
    CN__RESHAPE_EXPAND_DIMS = 1,
    CN__RESHAPE_SQUEEZE = 2
};
/* Shorthands. */
cn_tensor *cn__apply0(const cn__op *op, const cn__attrs *attrs);
cn_tensor *cn__apply1(const cn__op *op, const cn__attrs *attrs, cn_tensor *a);
cn_tensor *cn__apply2(const cn__op *op, const cn__attrs *attrs, cn_tensor *a, cn_tensor *b);
/* The same for an elementwise op, where the caller made an operand himself and hands it to nobody
 * else: an eager result may be written over it, and is then that operand. */
cn_tensor *cn__apply2_over(const cn__op *op, cn_tensor *a, cn_tensor *b, bool a_is_spare,
                           bool b_is_spare);
cn_tensor *cn__apply3(const cn__op *op, const cn__attrs *attrs, cn_tensor *a, cn_tensor *b,
                      cn_tensor *c);

/* Promotes two operands as Keras 3 does (weak numbers first) and casts where needed; false and an
 * error if they cannot mix. */
bool cn__promote(cn_tensor **a, cn_tensor **b, const char *who);
cn_dtype cn__promote_dtypes(cn_dtype a, cn__weak weak_a, cn_dtype b, cn__weak weak_b);
/* The dtype that true division, mean, exp … of this dtype gives: integers and bool give float32. */
cn_dtype cn__float_dtype(cn_dtype dtype);

/* Helpers for infer functions. */
static inline const cn_shape *cn__in_shape(const cn__node *node, int i)
{
    return &node->in[i]->shape;
}
/* All set node->n_out to 1. */
int cn__infer_same(cn__node *node); /* output like input 0 */
int cn__infer_broadcast(cn__node *node);
int cn__infer_broadcast_bool(cn__node *node);

#endif
