/* Inference: a normalization with fixed moments behind a convolution goes into the convolution's
 * weights, which are made once for all runs with the same variables. */
#include "graph/program.h"

#include <string.h>

/* Whether a value is a row of n floats that does not come from the batch. */
static bool is_row(const cn__program *p, int v, int64_t n)
{
    const cn__value *value = &p->values[v];
    return value->dtype == CN_FLOAT32 && !value->batched && value->shape.rank == 1 &&
           value->shape.dim[0] == n &&
           (value->kind == CN__VALUE_VARIABLE || value->kind == CN__VALUE_TEMPORARY);
}

/* The only reader of the value, if it is this op with the value as its first input (or, where order
 * does not matter, its second) and a row of n floats as the other, which goes to *row; else -1. */
static int reader_with_row(const cn__program *p, int value, const cn__op *op, int64_t n, int *row)
{
    int reader = cn__plan_only_reader(p, value);
    if (reader < 0 || p->insts[reader].op != op) {
        return -1;
    }
    const cn__inst *inst = &p->insts[reader];
    bool second = inst->in[0] != value;
    *row = inst->in[second ? 0 : 1];
    return (second && op == &cn__op_subtract) || !is_row(p, *row, n) ? -1 : reader;
}

/* A new value of the shape of `like` made by an op of one or two inputs; a negative code. */
static int compute(cn__program *p, const cn__op *op, int a, int b, int like)
{
    int in[2] = {a, b};
    int out = cn__plan_temporary(p, CN_FLOAT32, p->values[like].shape, false);
    cn__inst *inst = out < 0 ? NULL : cn__plan_inst(p, op, b < 0 ? 1 : 2, in, 1, &out);
    if (!inst) {
        return cn_error_code();
    }
    inst->batch = CN__BATCH_NONE;
    p->values[out].producer = (int)(inst - p->insts);
    return out;
}

/* ((conv(x, W) [+ b]) - mean) factor [+ beta] = conv(x, W factor) + ((b - mean) factor + beta) */
static int fold(cn__program *p, int64_t i)
{
    int weight = p->insts[i].in[1], sum = p->insts[i].out[0];
    int bias = -1, mean = -1, factor = -1, beta = -1;
    const cn_shape *w = &p->values[weight].shape;
    int64_t n = w->rank ? w->dim[w->rank - 1] : 0;
    if (p->values[weight].kind != CN__VALUE_VARIABLE || p->values[weight].dtype != CN_FLOAT32) {
        return 0;
    }
    int add = reader_with_row(p, sum, &cn__op_add, n, &bias);
    int subtract =
        reader_with_row(p, add < 0 ? sum : p->insts[add].out[0], &cn__op_subtract, n, &mean);
    int multiply =
        subtract < 0 ? -1
                     : reader_with_row(p, p->insts[subtract].out[0], &cn__op_multiply, n, &factor);
    if (multiply < 0) {
        return 0;
    }
    int shift = reader_with_row(p, p->insts[multiply].out[0], &cn__op_add, n, &beta);
    int end = shift < 0 ? multiply : shift;
    int scaled = compute(p, &cn__op_multiply, weight, factor, weight);
    int offset = scaled < 0 ? scaled
                 : add < 0  ? compute(p, &cn__op_negative, mean, -1, mean)
                            : compute(p, &cn__op_subtract, bias, mean, mean);
    offset = offset < 0 ? offset : compute(p, &cn__op_multiply, offset, factor, mean);
    offset = offset < 0 || shift < 0 ? offset : compute(p, &cn__op_add, offset, beta, mean);
    if (offset < 0) {
        return offset;
    }
    p->insts[i].in[1] = scaled;
    for (int k = 0; k < 4; k++) {
        int dead = (int[]){add, subtract, multiply, shift}[k];
        if (dead >= 0 && dead != end) {
            p->insts[dead].dead = true;
        }
    }
    p->insts[end].op = &cn__op_add;
    memset(&p->insts[end].attrs, 0, sizeof p->insts[end].attrs);
    p->insts[end].in[0] = sum;
    p->insts[end].in[1] = offset;
    return 0;
}

int cn__plan_fold_norm(cn__program *p)
{
    int code = 0;
    int64_t n = p->n_insts;
    if (!cn__plan_enabled("fold") || p->rows < 1 || cn__plan_assigns(p)) {
        return 0;
    }
    for (int64_t i = 0; code == 0 && i < n; i++) {
        if (!p->insts[i].dead && p->insts[i].op == &cn__op_conv) {
            code = fold(p, i);
        }
    }
    cn__plan_sweep(p);
    return code;
}
