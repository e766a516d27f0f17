/* Checks of data as ops: they give a zero, or the error that stops the step. */
#include "ops/check.h"

#include "ops/support.h"

/* The output is the number of violations, always 0: a sum over rows, so that each chunk checks its
 * own. */
static int infer_check(cn__node *node)
{
    return cn__infer_one(node, CN_FLOAT32, &(cn_shape){0});
}

static cn__batch batch_check(const cn__node *node, const bool *batched)
{
    (void)node;
    return batched[0] ? CN__BATCH_REDUCE : CN__BATCH_NONE;
}

/* attrs.i[0] = n, i[1] = how the message is worded, i[2] = the value that is ignored or CN_NONE. */
const cn__op cn__op_check_indices = {.name = "check_indices",
                                     .min_in = 1,
                                     .max_in = 1,
                                     .n_out = 1,
                                     .flags = CN__OP_EFFECT | CN__OP_NO_GRADIENT,
                                     .infer = infer_check,
                                     .batch = batch_check,
                                     .reference = &cn__reference_check_indices};

/* attrs.f[0], f[1] = low, high; attrs.p = message. */
const cn__op cn__op_check_range = {.name = "check_range",
                                   .min_in = 1,
                                   .max_in = 1,
                                   .n_out = 1,
                                   .flags = CN__OP_EFFECT | CN__OP_NO_GRADIENT,
                                   .infer = infer_check,
                                   .batch = batch_check,
                                   .reference = &cn__reference_check_range};

static int done(cn_tensor *result)
{
    if (!result) {
        return cn_error_code();
    }
    cn_free(result);
    return 0;
}

int cn__check_indices(cn_tensor *indices, int64_t n, int64_t ignore, cn__check_words words)
{
    cn__attrs attrs = {.i = {n, words, ignore}};
    return done(cn__apply1(&cn__op_check_indices, &attrs, indices));
}

int cn__check_range(cn_tensor *x, double low, double high, const char *message)
{
    cn__attrs attrs = {.f = {low, high}, .p = message};
    return done(cn__apply1(&cn__op_check_range, &attrs, x));
}
