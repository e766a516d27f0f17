/* Blocks of convolutional networks: 3x3 convolution + bias + relu + max pool + dropout, and their
 * gradient as one call. */
#include "graph/conv_extra.h"

#include "kernels/reference/window.h"

#include <string.h>

/* What was found around one convolution: instructions, or -1. */
typedef struct found {
    int conv, add, relu, pool, drop;                    /* forward */
    int drop_back, pool_back, mask, select;             /* gradient, from the output back */
    int bias_gradient, kernel_gradient, input_gradient; /* what reads the gradient of the sum */
    int out;                                            /* the block's value */
    int bias;                                           /* value, or -1 */
    int gradient; /* value: what arrives at the block's output */
    int inner;    /* value: the gradient of the convolution's output, before it is used */
} found;

/* Live instructions that read the value's contents; at most max of them in readers, how many in all
 * returned. */
static int readers_of(const cn__program *p, int value, int *readers, int max)
{
    int n = 0;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; !inst->dead && k < inst->n_in; k++) {
            if (inst->in[k] == value && !(inst->shape_only >> k & 1)) {
                if (n < max) {
                    readers[n] = (int)i;
                }
                n++;
                break;
            }
        }
    }
    return p->values[value].output ? max + 1 : n;
}

static bool is_op(const cn__program *p, int inst, const cn__op *op)
{
    return inst >= 0 && p->insts[inst].op == op;
}

static bool all_equal(const int64_t *v, int n, int64_t a, int64_t b)
{
    for (int i = 0; i < n; i++) {
        if (v[i] != a && v[i] != b) {
            return false;
        }
    }
    return true;
}

/* A plain two-dimensional 3x3 convolution of the batch with a kernel that is not of the batch,
 * padded by nothing or by one cell all around. */
static bool is_plain(const cn__program *p, const cn__inst *inst, int *same)
{
    const cn__value *x = &p->values[inst->in[0]], *w = &p->values[inst->in[1]];
    const int64_t *a = inst->attrs.i;
    if (x->dtype != CN_FLOAT32 || x->shape.rank != 4 || !x->batched ||
        x->kind != CN__VALUE_TEMPORARY || w->batched || w->shape.dim[0] != 3 ||
        w->shape.dim[1] != 3 || !all_equal(a + CN__WINDOW_STRIDE, 2, 0, 1) ||
        !all_equal(a + CN__WINDOW_DILATION, 2, 0, 1) ||
        (a[CN__WINDOW_GROUPS] != 0 && a[CN__WINDOW_GROUPS] != 1)) {
        return false;
    }
    cn__window window;
    cn__window_of(&window, &inst->attrs, &x->shape, &w->shape);
    bool whole = window.out[1] == window.in[1] && window.out[2] == window.in[2] &&
                 window.pad[1] == 1 && window.pad[2] == 1;
    bool valid = window.out[1] == window.in[1] - 2 && window.out[2] == window.in[2] - 2 &&
                 window.pad[1] == 0 && window.pad[2] == 0;
    *same = whole;
    return whole || valid;
}

/* A max pool of 2x2 windows side by side, without padding. */
static bool is_plain_pool(const cn__program *p, const cn__inst *inst)
{
    const cn_shape *x = &p->values[inst->in[0]].shape;
    const int64_t *a = inst->attrs.i;
    cn__window w;
    if (inst->op != &cn__op_max_pool || x->rank != 4) {
        return false;
    }
    cn__window_of(&w, &inst->attrs, x, NULL);
    return a[CN__WINDOW_SIZE] == 2 && a[CN__WINDOW_SIZE + 1] == 2 && w.stride[1] == 2 &&
           w.stride[2] == 2 && w.pad[1] == 0 && w.pad[2] == 0 && w.out[1] == w.in[1] / 2 &&
           w.out[2] == w.in[2] / 2;
}

/* Follows the forward chain as far as nothing else reads its inside. Readers that belong to the
 * gradient are noted. */
static void follow_forward(const cn__program *p, found *f)
{
    int readers[8], n;
    f->out = p->insts[f->conv].out[0];
    n = readers_of(p, f->out, readers, 8);
    if (n == 1 && is_op(p, readers[0], &cn__op_add)) {
        const cn__inst *add = &p->insts[readers[0]];
        int other = add->in[0] == f->out ? add->in[1] : add->in[0];
        const cn__value *bias = &p->values[other];
        if (!bias->batched && bias->shape.rank == 1 && bias->dtype == CN_FLOAT32 &&
            bias->shape.dim[0] == p->values[f->out].shape.dim[3]) {
            f->add = readers[0];
            f->bias = other;
            f->out = add->out[0];
            n = readers_of(p, f->out, readers, 8);
        }
    }
    if (n == 1 && is_op(p, readers[0], &cn__op_relu)) {
        f->relu = readers[0];
        f->out = p->insts[f->relu].out[0];
        n = readers_of(p, f->out, readers, 8);
    }
    if (n > 2 || n < 1) {
        return;
    }
    int other = -1, pool = -1;
    for (int i = 0; i < n; i++) {
        if (is_plain_pool(p, &p->insts[readers[i]])) {
            pool = readers[i];
        } else {
            other = readers[i];
        }
    }
    /* Beside the pool only relu's mask may read the map. */
    bool mask = is_op(p, other, &cn__op_greater) && f->relu >= 0 &&
                cn__plan_is_zero(p, p->insts[other].in[1]);
    if (pool < 0 || (other >= 0 && !mask)) {
        return;
    }
    f->pool = pool;
    f->mask = other;
    f->out = p->insts[pool].out[0];
    n = readers_of(p, f->out, readers, 8);
    if (n == 1 && is_op(p, readers[0], &cn__op_dropout) && p->insts[readers[0]].attrs.i[1] == 0) {
        f->drop = readers[0];
        f->out = p->insts[f->drop].out[0];
    }
}

static int only(const cn__program *p, int value)
{
    int reader = -1;
    return readers_of(p, value, &reader, 1) == 1 ? reader : -1;
}

/* The readers of the gradient of the sum: those of weights, data and bias, and nobody else. */
static bool take_uses(const cn__program *p, found *f)
{
    int readers[4], n = readers_of(p, f->inner, readers, 4);
    const cn__inst *conv = &p->insts[f->conv];
    for (int i = 0; i < n && n <= 3; i++) {
        const cn__inst *inst = &p->insts[readers[i]];
        const cn__value *out = &p->values[inst->out[0]];
        if (inst->op == &cn__op_conv_gradient_kernel && inst->in[0] == conv->in[0] &&
            inst->in[1] == f->inner) {
            f->kernel_gradient = readers[i];
        } else if (inst->op == &cn__op_conv_gradient_input && inst->in[0] == f->inner &&
                   inst->in[1] == conv->in[1]) {
            f->input_gradient = readers[i];
        } else if ((inst->op == &cn__op_sum_like || inst->op == &cn__op_sum) &&
                   out->shape.rank == 1 && out->shape.dim[0] == p->values[f->inner].shape.dim[3]) {
            f->bias_gradient = readers[i];
        } else {
            return false;
        }
    }
    return n >= 1 && n <= 3 && f->kernel_gradient >= 0;
}

/* The gradient instructions of a block, found from the weight gradient back to the output. */
static bool follow_gradient(const cn__program *p, found *f)
{
    const cn__inst *conv = &p->insts[f->conv];
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        if (!inst->dead && inst->op == &cn__op_conv_gradient_kernel && inst->in[0] == conv->in[0] &&
            cn__shape_equal(&p->values[inst->out[0]].shape, &p->values[conv->in[1]].shape)) {
            f->inner = inst->in[1];
        }
    }
    if (f->inner < 0) {
        return true; /* no gradient in this program */
    }
    if (!take_uses(p, f)) {
        return false;
    }
    int value = f->inner;
    if (f->relu >= 0) {
        int h = p->insts[f->relu].out[0], maker = p->values[value].producer;
        if (!is_op(p, maker, &cn__op_where) || !cn__plan_is_zero(p, p->insts[maker].in[2])) {
            return false;
        }
        int mask = p->values[p->insts[maker].in[0]].producer;
        if (!is_op(p, mask, &cn__op_greater) || p->insts[mask].in[0] != h ||
            !cn__plan_is_zero(p, p->insts[mask].in[1]) || only(p, p->insts[mask].out[0]) != maker) {
            return false;
        }
        f->mask = mask;
        f->select = maker;
        value = p->insts[maker].in[1];
    }
    if (f->pool >= 0) {
        int maker = p->values[value].producer;
        if (!is_op(p, maker, &cn__op_max_pool_gradient) ||
            p->insts[maker].in[1] != p->insts[f->pool].out[1] ||
            only(p, p->insts[f->pool].out[1]) != maker ||
            (f->select >= 0 && only(p, value) != f->select)) {
            return false;
        }
        f->pool_back = maker;
        value = p->insts[maker].in[0];
    }
    if (f->drop >= 0) {
        int maker = p->values[value].producer;
        const cn__inst *drop = &p->insts[f->drop];
        if (!is_op(p, maker, &cn__op_dropout) || only(p, value) != f->pool_back ||
            memcmp(&p->insts[maker].attrs, &drop->attrs, sizeof drop->attrs) ||
            p->insts[maker].in[1] != drop->in[1]) {
            return false;
        }
        f->drop_back = maker;
        value = p->insts[maker].in[0];
    }
    f->gradient = value;
    return f->pool >= 0 || f->select < 0 || p->values[value].producer != f->select;
}

static cn__conv_extra *copy_extra(const cn__conv_extra *extra)
{
    cn__conv_extra *copy = cn__malloc(sizeof *copy);
    if (copy) {
        *copy = *extra;
    }
    return copy;
}

/* Adds an instruction that carries a copy of `extra`. */
static cn__inst *new_inst(cn__program *p, const cn__op *op, int n_in, const int *in, int n_out,
                          const int *out, const cn__conv_extra *extra, cn__batch batch)
{
    cn__inst *inst = cn__plan_inst(p, op, n_in, in, n_out, out);
    if (inst) {
        inst->batch = batch;
        inst->extra = copy_extra(extra);
        inst = inst->extra ? inst : NULL;
    }
    return inst;
}

static int pack(cn__program *p, int weight, const cn__op *op, int64_t floats,
                const cn__conv_extra *extra)
{
    cn_shape shape = cn_shape_of(floats);
    int v = cn__plan_temporary(p, CN_FLOAT32, shape, false);
    if (v < 0 || !new_inst(p, op, 1, &weight, 1, &v, extra, CN__BATCH_NONE)) {
        return cn_error_code();
    }
    return v;
}

static void kill(cn__program *p, int inst)
{
    if (inst >= 0) {
        p->insts[inst].dead = true;
    }
}

static int write_forward(cn__program *p, const found *f, cn__conv_extra *extra, int *winner)
{
    const cn__inst conv = p->insts[f->conv];
    int counter = f->drop >= 0 ? p->insts[f->drop].in[1] : -1;
    const cn__conv *kernels = cn__conv_get();
    int packed =
        pack(p, conv.in[1], &cn__op_conv_pack, kernels->block_packed(&extra->block), extra);
    if (packed < 0) {
        return packed;
    }
    int in[4] = {conv.in[0], packed}, n_in = 2, out[2] = {f->out}, n_out = 1;
    if (f->bias >= 0) {
        in[n_in++] = f->bias;
    }
    if (counter >= 0) {
        in[n_in++] = counter;
        extra->key = p->insts[f->drop].attrs.i[0];
        extra->rate = p->insts[f->drop].attrs.f[0];
    }
    extra->bias = f->bias >= 0;
    extra->dropout = counter >= 0;
    *winner = -1;
    if (f->gradient >= 0 && f->pool >= 0) {
        *winner = cn__plan_temporary(p, CN_UINT8, p->values[f->out].shape, true);
        if (*winner < 0) {
            return *winner;
        }
        out[n_out++] = *winner;
        extra->winner = true;
    }
    kill(p, f->conv);
    kill(p, f->add);
    kill(p, f->relu);
    kill(p, f->pool);
    kill(p, f->drop);
    return new_inst(p, &cn__op_conv_block, n_in, in, n_out, out, extra, CN__BATCH_ROW)
               ? 0
               : cn_error_code();
}

static int write_gradient(cn__program *p, const found *f, cn__conv_extra *extra, int winner)
{
    const cn__inst conv = p->insts[f->conv];
    const cn__conv *kernels = cn__conv_get();
    int in[5] = {f->gradient, conv.in[0]}, n_in = 2, out[3], n_out = 0;
    if (winner >= 0) {
        in[n_in++] = winner;
    } else if (f->relu >= 0) {
        in[n_in++] = f->out;
        extra->masked = true;
    }
    if (f->input_gradient >= 0) {
        int packed = pack(p, conv.in[1], &cn__op_conv_pack_data,
                          kernels->block_packed_data(&extra->block), extra);
        if (packed < 0) {
            return packed;
        }
        in[n_in++] = packed;
        out[n_out++] = p->insts[f->input_gradient].out[0];
        extra->dx = true;
    }
    cn_shape buffer = cn_shape_of(kernels->block_gradient(&extra->block));
    int dw = cn__plan_temporary(p, CN_FLOAT32, buffer, false);
    if (dw < 0) {
        return dw;
    }
    int kernel_gradient = p->insts[f->kernel_gradient].out[0];
    out[n_out++] = dw;
    if (f->bias_gradient >= 0) {
        out[n_out++] = p->insts[f->bias_gradient].out[0];
        extra->db = true;
    }
    kill(p, f->drop_back);
    kill(p, f->pool_back);
    kill(p, f->mask);
    kill(p, f->select);
    kill(p, f->bias_gradient);
    kill(p, f->kernel_gradient);
    kill(p, f->input_gradient);
    if (!new_inst(p, &cn__op_conv_block_gradient, n_in, in, n_out, out, extra, CN__BATCH_ROW) ||
        !new_inst(p, &cn__op_conv_unpack, 1, &dw, 1, &kernel_gradient, extra, CN__BATCH_NONE)) {
        return cn_error_code();
    }
    return 0;
}

static int fuse(cn__program *p, int conv)
{
    found f = {.conv = conv,
               .add = -1,
               .relu = -1,
               .pool = -1,
               .drop = -1,
               .drop_back = -1,
               .pool_back = -1,
               .mask = -1,
               .select = -1,
               .bias_gradient = -1,
               .kernel_gradient = -1,
               .input_gradient = -1,
               .bias = -1,
               .gradient = -1,
               .inner = -1};
    int same;
    if (!is_plain(p, &p->insts[conv], &same)) {
        return 0;
    }
    follow_forward(p, &f);
    if (!follow_gradient(p, &f)) {
        return 0;
    }
    const cn_shape *x = &p->values[p->insts[conv].in[0]].shape;
    const cn_shape *w = &p->values[p->insts[conv].in[1]].shape;
    cn__conv_extra extra = {0};
    for (int a = 1; a < 4; a++) {
        if (x->dim[a] > 1 << 20 || w->dim[3] > 1 << 20) {
            return 0;
        }
    }
    if (cn__block_init(&extra.block, (int)x->dim[1], (int)x->dim[2], (int)x->dim[3], (int)w->dim[3],
                       same, f.pool >= 0, f.relu >= 0, cn__cpu_isa()) < 0) {
        return 0;
    }
    int winner;
    int code = write_forward(p, &f, &extra, &winner);
    if (code == 0 && f.gradient >= 0) {
        code = write_gradient(p, &f, &extra, winner);
    }
    return code;
}

/* Who makes the value and who reads it, where all are blocks and their gradients: then only a part
 * of it need exist. */
static bool read_by_blocks(const cn__program *p, int value, int *rows, int *columns)
{
    *rows = *columns = 0;
    for (int64_t i = 0; i < p->n_insts; i++) {
        const cn__inst *inst = &p->insts[i];
        for (int k = 0; !inst->dead && k < inst->n_in; k++) {
            if (cn__plan_root(p, inst->in[k]) != value || inst->shape_only >> k & 1) {
                continue;
            }
            const cn__conv_extra *extra = inst->extra;
            bool forward = inst->op == &cn__op_conv_block && k == 0;
            bool gradient = inst->op == &cn__op_conv_block_gradient && (k == 1 || k == 2);
            if (!forward && !gradient) {
                return false;
            }
            if (forward) {
                int h = extra->block.oh + 2 - extra->block.pad;
                int w = extra->block.ow + 2 - extra->block.pad;
                *rows = h > *rows ? h : *rows;
                *columns = w > *columns ? w : *columns;
            }
        }
    }
    return *rows > 0 && !p->values[value].output;
}

/* Only the rows and columns that the next block reads are computed: a pool drops the odd ones.
 * Readers come after makers, so the last block is looked at first. */
static void trim(cn__program *p)
{
    for (int64_t i = p->n_insts - 1; i >= 0; i--) {
        cn__inst *inst = &p->insts[i];
        int rows, columns;
        if (inst->dead || inst->op != &cn__op_conv_block ||
            !read_by_blocks(p, inst->out[0], &rows, &columns)) {
            continue;
        }
        cn__block *block = &((cn__conv_extra *)inst->extra)->block;
        int step = block->pool ? 2 : 1;
        rows = rows * step < block->oh ? rows * step : block->oh;
        columns = columns * step < block->ow ? columns * step : block->ow;
        for (int64_t j = 0; j < p->n_insts; j++) {
            cn__inst *other = &p->insts[j];
            cn__conv_extra *extra = other->extra;
            bool mine = other->op == &cn__op_conv_block_gradient && other->in[1] == inst->in[0] &&
                        !memcmp(&extra->block, block, sizeof *block);
            bool reads = (other->op == &cn__op_conv_block && other->in[0] == inst->out[0]) ||
                         (other->op == &cn__op_conv_block_gradient && other->in[1] == inst->out[0]);
            if (other->dead || j == i) {
                continue;
            }
            if (mine) {
                extra->block.oh = rows;
                extra->block.ow = columns;
            } else if (reads) {
                int h = rows / step, w = columns / step;
                extra->block.h = h < extra->block.h ? h : extra->block.h;
                extra->block.w = w < extra->block.w ? w : extra->block.w;
            }
        }
        block->oh = rows;
        block->ow = columns;
    }
}

int cn__plan_conv(cn__program *p)
{
    if (!cn__plan_enabled("conv") || p->rows < 1) {
        return 0;
    }
    int code = 0;
    int64_t n = p->n_insts;
    for (int64_t i = 0; code == 0 && i < n; i++) {
        if (!p->insts[i].dead && p->insts[i].op == &cn__op_conv) {
            code = fuse(p, (int)i);
        }
    }
    cn__plan_sweep(p);
    if (code == 0 && cn__plan_enabled("trim")) {
        trim(p);
    }
    return code;
}
