/* The op record: the only place that knows an operation's mathematics; and the record of a kernel
 * that runs it. */
#ifndef CN_CORE_OP_H
#define CN_CORE_OP_H

#include "core/oplist.h"
#include "core/tensor.h"

/* What an op does along axis 0 of its batched inputs (design §6.3). */
typedef enum cn__batch {
    CN__BATCH_MIX = 0, /* anything, or unknown: ends a stage */
    CN__BATCH_ROW,     /* row i of every output depends on row i of the batched inputs only */
    CN__BATCH_REDUCE,  /* the output is a sum over rows of what each row gives alone */
    CN__BATCH_NONE     /* no input is batched */
} cn__batch;

enum {
    CN__OP_ELEMENTWISE = 1,  /* out[i] depends on in[i] with numpy's broadcasting */
    CN__OP_VIEW = 2,         /* the output is the first input's memory under another shape */
    CN__OP_RANDOM = 4,       /* draws; never merged with an equal node */
    CN__OP_EFFECT = 8,       /* assigns or checks; a root of dead-code removal */
    CN__OP_NO_GRADIENT = 16, /* mathematically none (comparisons, argmax …): gradients stop here */
    CN__OP_ORIGIN =
        32, /* eager results remember their node (softmax, sigmoid: losses go back to the logits) */
    CN__OP_CHECKS = 128, /* data may make it fail: a program assigns nothing before it is done */
    CN__OP_INTERNAL = 64 /* made by the planner only; never seen by gradients */
};

/* One argument of a kernel call. `data` is row-major unless `layout` says otherwise. */
typedef struct cn__arg {
    void *data;
    cn_dtype dtype;
    cn_shape shape;
    int layout;     /* enum cn__layout of graph/program.h; 0 is row-major */
    int64_t stride; /* of a panel, in elements, where the layout has panels */
} cn__arg;

typedef struct cn__call {
    const struct cn__op *op;
    const cn__attrs *attrs;
    int n_in, n_out;
    cn__arg *in, *out;
    void *scratch;     /* of scratch_bytes(call), for one worker; or NULL */
    int64_t row0;      /* the absolute batch row of this slice's first row (for random ops) */
    const void *extra; /* what the planner attached to a fused call */
} cn__call;

/* A kernel runs work units [begin, end) of a call on one thread; any split over threads gives the
 * same bits. */
typedef struct cn__kernel {
    const char *name;
    /* Whether it takes this call; NULL means always. Costs depend on shapes and instruction set
     * only. */
    bool (*claims)(const cn__call *call);
    /* How many units the call splits into; NULL means one. */
    int64_t (*units)(const cn__call *call);
    size_t (*scratch_bytes)(const cn__call *call);
    int (*run)(const cn__call *call, int64_t begin, int64_t end);
} cn__kernel;

typedef struct cn__op {
    const char *name;
    int min_in, max_in, n_out;
    unsigned flags;
    /* Which inputs are read for their shape only (bit i: input i): they are not kept alive, nor
     * differentiated. */
    uint64_t shape_only;
    /* Fills node->dtype and node->shape from node->in and node->attrs; lengths may be -1. Errors
     * worded like Keras's. */
    int (*infer)(cn__node *node);
    /* grads_in[i] (NULL: none) from grads_out[k] (NULL: zero), written in terms of public ops;
     * `out` are the node's outputs. */
    int (*gradient)(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                    cn_tensor **grads_in);
    /* Along the batch; batched[i] says whether input i carries it on axis 0. NULL: elementwise ops
     * are ROW, others MIX. */
    cn__batch (*batch)(const cn__node *node, const bool *batched);
    const cn__kernel *reference;
} cn__op;

/* Whether the attributes of a reduction (i[1] = number of axes or CN_NONE for all, i[2 …] = axes,
 * which may count from the end) name this axis of an input of that rank. */
static inline bool cn__reduces(const cn__attrs *attrs, int rank, int axis)
{
    for (int64_t k = 0; k < attrs->i[1]; k++) {
        if (attrs->i[2 + k] == axis || attrs->i[2 + k] + rank == axis) {
            return true;
        }
    }
    return attrs->i[1] == CN_NONE;
}

/* One record each, in src/ops; one readable kernel each, in src/kernels/reference: the oracle of
 * the tests. */
#define XX(name)                                                                                   \
    extern const cn__op cn__op_##name;                                                             \
    extern const cn__kernel cn__reference_##name;
CN__OP_MAP(XX)
#undef XX

#endif
