/* The kernels of convolution blocks as calls of a program. */
#include "graph/conv_extra.h"

#include "core/random.h"

#include <string.h>

static const cn__conv_extra *extra_of(const cn__call *call)
{
    return call->extra;
}

static int run_pack(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__block *block = &extra_of(call)->block;
    (void)begin;
    (void)end;
    cn__conv_get()->block_pack(block, call->in[0].data, call->out[0].data, 0, block->cout);
    return 0;
}

static const cn__kernel pack_kernel = {.name = "cpu", .run = run_pack};
const cn__op cn__op_conv_pack = {
    .name = "conv_pack", .flags = CN__OP_INTERNAL, .reference = &pack_kernel};

static int run_pack_data(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__block *block = &extra_of(call)->block;
    (void)begin;
    (void)end;
    cn__conv_get()->block_pack_data(block, call->in[0].data, call->out[0].data, 0, block->cout);
    return 0;
}

static const cn__kernel pack_data_kernel = {.name = "cpu", .run = run_pack_data};
const cn__op cn__op_conv_pack_data = {
    .name = "conv_pack_data", .flags = CN__OP_INTERNAL, .reference = &pack_data_kernel};

static int run_unpack(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__block *block = &extra_of(call)->block;
    (void)begin;
    (void)end;
    cn__conv_get()->block_unpack_gradient(block, call->in[0].data, call->out[0].data, 0,
                                          block->cout);
    return 0;
}

static const cn__kernel unpack_kernel = {.name = "cpu", .run = run_unpack};
const cn__op cn__op_conv_unpack = {
    .name = "conv_unpack", .flags = CN__OP_INTERNAL, .reference = &unpack_kernel};

static int64_t units_images(const cn__call *call)
{
    return call->in[0].shape.dim[0];
}

/* Scratch: the kernel's floats, then a byte for each output of the slice where there is dropout. */
static size_t kernel_scratch(const cn__block *block)
{
    return ((size_t)cn__conv_get()->block_scratch(block) * sizeof(float) + 63) / 64 * 64;
}

static size_t scratch_block(const cn__call *call)
{
    const cn__conv_extra *extra = extra_of(call);
    size_t bytes = kernel_scratch(&extra->block);
    return extra->dropout ? bytes + (size_t)cn__shape_size(&call->out[0].shape) : bytes;
}

static int run_block(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__conv_extra *extra = extra_of(call);
    const float *bias = extra->bias ? call->in[2].data : NULL;
    uint8_t *keep = NULL;
    if (extra->dropout) {
        /* The same draw as the op dropout makes: elements numbered through the whole batch. */
        const cn__arg *counter = &call->in[extra->bias ? 3 : 2];
        int64_t row = extra->block.y_image;
        cn__stream stream = {(uint64_t)extra->key, (uint64_t) * (const int64_t *)counter->data};
        keep = (uint8_t *)call->scratch + kernel_scratch(&extra->block);
        cn__random_keep(stream, (call->row0 + begin) * row, (end - begin) * row, 1 - extra->rate,
                        keep + begin * row);
    }
    cn__conv_get()->block_forward(&extra->block, call->in[0].data, call->in[1].data, bias, keep,
                                  extra->dropout ? (float)(1 / (1 - extra->rate)) : 1,
                                  call->out[0].data, extra->winner ? call->out[1].data : NULL,
                                  call->scratch, begin, end);
    return 0;
}

static const cn__kernel block_kernel = {
    .name = "cpu", .units = units_images, .scratch_bytes = scratch_block, .run = run_block};
const cn__op cn__op_conv_block = {
    .name = "conv_block", .flags = CN__OP_INTERNAL, .reference = &block_kernel};

static size_t scratch_gradient(const cn__call *call)
{
    return kernel_scratch(&extra_of(call)->block);
}

/* One unit: the sums over the images run in their order. A program gives it chunk by chunk, each
 * with sums of its own. */
static int run_gradient(const cn__call *call, int64_t begin, int64_t end)
{
    const cn__conv_extra *extra = extra_of(call);
    const cn__arg *in = call->in, *out = call->out;
    (void)begin;
    (void)end;
    int next = 2;
    const uint8_t *winner = extra->winner ? in[next++].data : NULL;
    const float *y = extra->masked ? in[next++].data : NULL;
    const float *packed = extra->dx ? in[next++].data : NULL;
    next = 0;
    float *dx = extra->dx ? out[next++].data : NULL;
    float *dw = out[next].data;
    memset(dw, 0, (size_t)cn__shape_size(&out[next++].shape) * sizeof *dw);
    float *db = extra->db ? out[next].data : NULL;
    if (db) {
        memset(db, 0, (size_t)cn__shape_size(&out[next].shape) * sizeof *db);
    }
    cn__conv_get()->block_backward(&extra->block, in[1].data, packed, y, winner, in[0].data,
                                   extra->dropout ? (float)(1 / (1 - extra->rate)) : 1, dx, dw, db,
                                   call->scratch, 0, in[0].shape.dim[0]);
    return 0;
}

static const cn__kernel gradient_kernel = {
    .name = "cpu", .scratch_bytes = scratch_gradient, .run = run_gradient};
const cn__op cn__op_conv_block_gradient = {
    .name = "conv_block_gradient", .flags = CN__OP_INTERNAL, .reference = &gradient_kernel};
