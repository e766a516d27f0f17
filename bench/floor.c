/* The floor of a training step: oneDNN's best times for the products and convolutions of a
 * workload, each alone in the layout that oneDNN asks for, and one pass of Adam over as many
 * weights. Usage: floor W1|W2|W3; prints milliseconds. */
#include "core/threads.h"
#include "kernels/cpu/cpu.h"

#include "onednn.h"

#include <stdio.h>
#include <stdlib.h>

#if CN_BENCH_ONEDNN
enum { REPEATS = 60, MAX_ARGUMENTS = 8 };

typedef struct bench {
    session s;
    double seconds; /* of all primitives so far */
    int64_t weights;
} bench;

/* Every array that the primitive reads or writes; returns how many. */
static int make_arguments(bench *b, const_dnnl_primitive_desc_t p, dnnl_exec_arg_t *out)
{
    static const struct {
        dnnl_query_t query;
        int index, argument;
    } known[] = {{dnnl_query_src_md, 0, DNNL_ARG_SRC},
                 {dnnl_query_dst_md, 0, DNNL_ARG_DST},
                 {dnnl_query_weights_md, 0, DNNL_ARG_WEIGHTS},
                 {dnnl_query_weights_md, 1, DNNL_ARG_BIAS},
                 {dnnl_query_diff_src_md, 0, DNNL_ARG_DIFF_SRC},
                 {dnnl_query_diff_dst_md, 0, DNNL_ARG_DIFF_DST},
                 {dnnl_query_diff_weights_md, 0, DNNL_ARG_DIFF_WEIGHTS},
                 {dnnl_query_diff_weights_md, 1, DNNL_ARG_DIFF_BIAS}};
    int n = 0;
    for (int i = 0; i < MAX_ARGUMENTS; i++) {
        const dnnl_memory_desc_t *layout =
            dnnl_primitive_desc_query_md(p, known[i].query, known[i].index);
        if (layout && layout->ndims > 0) {
            out[n++] = (dnnl_exec_arg_t){known[i].argument, make_memory(&b->s, layout)};
        }
    }
    return n;
}

/* Adds the least time of the operation. `forward` is what a backward pass refers to; the
 * description is handed back where `keep` is not NULL. */
static void measure(bench *b, const void *operation, const_dnnl_primitive_desc_t forward,
                    dnnl_primitive_desc_t *keep)
{
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS];
    if (b->s.failed ||
        !good(&b->s,
              dnnl_primitive_desc_create(&description, operation, NULL, b->s.engine, forward)) ||
        !good(&b->s, dnnl_primitive_create(&primitive, description))) {
        return;
    }
    int n = make_arguments(b, description, arguments);
    double best = 1e9;
    for (int i = 0; i < REPEATS && !b->s.failed; i++) {
        double t = now();
        good(&b->s, dnnl_primitive_execute(primitive, b->s.stream, n, arguments));
        good(&b->s, dnnl_stream_wait(b->s.stream));
        t = now() - t;
        best = t < best ? t : best;
    }
    b->seconds += best;
    for (int i = 0; i < n; i++) {
        dnnl_memory_destroy(arguments[i].memory);
    }
    dnnl_primitive_destroy(primitive);
    if (keep) {
        *keep = description;
    } else {
        dnnl_primitive_desc_destroy(description);
    }
}

/* An array in whatever layout is best; a vector has one. */
static dnnl_memory_desc_t array(bench *b, int rank, const dnnl_dim_t *shape)
{
    return describe(&b->s, rank, shape, rank == 1 ? dnnl_a : dnnl_format_tag_any);
}

/* x (rows, inputs) by w, with a bias; forward and both gradients, without that of x for the first
 * layer. */
static void dense(bench *b, int64_t rows, int64_t inputs, int64_t units, bool first)
{
    dnnl_memory_desc_t x = array(b, 2, (const dnnl_dim_t[]){rows, inputs});
    dnnl_memory_desc_t w = array(b, 2, (const dnnl_dim_t[]){units, inputs});
    dnnl_memory_desc_t y = array(b, 2, (const dnnl_dim_t[]){rows, units});
    dnnl_memory_desc_t bias = array(b, 1, (const dnnl_dim_t[]){units});
    dnnl_inner_product_desc_t op;
    dnnl_primitive_desc_t forward = NULL;
    good(&b->s,
         dnnl_inner_product_forward_desc_init(&op, dnnl_forward_training, &x, &w, &bias, &y));
    measure(b, &op, NULL, &forward);
    if (!first) {
        good(&b->s, dnnl_inner_product_backward_data_desc_init(&op, &x, &w, &y));
        measure(b, &op, forward, NULL);
    }
    good(&b->s, dnnl_inner_product_backward_weights_desc_init(&op, &x, &w, &bias, &y));
    measure(b, &op, forward, NULL);
    dnnl_primitive_desc_destroy(forward);
    b->weights += inputs * units + units;
}

/* A convolution of 3 by 3 without padding over square images. */
static void conv(bench *b, int64_t images, int64_t channels, int64_t side, int64_t filters,
                 bool first)
{
    const dnnl_dims_t strides = {1, 1}, none = {0, 0};
    int64_t out = side - 2;
    dnnl_memory_desc_t x = array(b, 4, (const dnnl_dim_t[]){images, channels, side, side});
    dnnl_memory_desc_t w = array(b, 4, (const dnnl_dim_t[]){filters, channels, 3, 3});
    dnnl_memory_desc_t y = array(b, 4, (const dnnl_dim_t[]){images, filters, out, out});
    dnnl_memory_desc_t bias = array(b, 1, (const dnnl_dim_t[]){filters});
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t forward = NULL;
    good(&b->s,
         dnnl_convolution_forward_desc_init(&op, dnnl_forward_training, dnnl_convolution_direct, &x,
                                            &w, &bias, &y, strides, none, none));
    measure(b, &op, NULL, &forward);
    if (!first) {
        good(&b->s, dnnl_convolution_backward_data_desc_init(&op, dnnl_convolution_direct, &x, &w,
                                                             &y, strides, none, none));
        measure(b, &op, forward, NULL);
    }
    good(&b->s, dnnl_convolution_backward_weights_desc_init(&op, dnnl_convolution_direct, &x, &w,
                                                            &bias, &y, strides, none, none));
    measure(b, &op, forward, NULL);
    dnnl_primitive_desc_destroy(forward);
    b->weights += 9 * channels * filters + filters;
}

typedef struct update {
    cn__ew program;
    float *arrays[4]; /* gradient, m, v, w */
    float rate;
} update;

static void update_range(void *user, int64_t begin, int64_t end)
{
    update *u = user;
    void *in[] = {u->arrays[0], u->arrays[1], u->arrays[2], u->arrays[3], &u->rate};
    void *out[] = {u->arrays[3], u->arrays[1], u->arrays[2]};
    cn__cpu_get()->ew_run(&u->program, in, NULL, out, begin, end);
}

/* Least seconds of one pass of Adam over n weights. */
static double adam(bench *b, int64_t n)
{
    update u = {.program = {.n_in = 5,
                            .n_out = 3,
                            .n_step = 1,
                            .n_const = 3,
                            .constant = {0.1f, 0.001f, 1e-7f}},
                .rate = 0.001f};
    u.program.in_mode[4] = CN__EW_SCALAR;
    u.program.step[0] = (cn__ew_step){
        CN__EW_ADAM,
        CN__EW_OUT(0),
        CN__EW_IN(0),
        CN__EW_IN(1),
        CN__EW_IN(2),
        {CN__EW_IN(3), CN__EW_IN(4), CN__EW_CONST(0), CN__EW_CONST(1), CN__EW_CONST(2)},
        {CN__EW_OUT(1), CN__EW_OUT(2)}};
    double best = 1e9;
    for (int i = 0; i < 4; i++) {
        u.arrays[i] = aligned_alloc(64, ((size_t)n * sizeof(float) + 63) / 64 * 64);
        b->s.failed = b->s.failed || !u.arrays[i];
        for (int64_t k = 0; !b->s.failed && k < n; k++) {
            u.arrays[i][k] = 0.1f;
        }
    }
    for (int i = 0; i < REPEATS && !b->s.failed; i++) {
        double t = now();
        cn__parallel_for(n, 16384, update_range, &u);
        t = now() - t;
        best = t < best ? t : best;
    }
    for (int i = 0; i < 4; i++) {
        free(u.arrays[i]);
    }
    return best;
}

static bool measure_workload(bench *b, const char *name)
{
    if (!strcmp(name, "W1")) {
        dense(b, 128, 784, 512, true);
        dense(b, 128, 512, 512, false);
        dense(b, 128, 512, 10, false);
    } else if (!strcmp(name, "W2")) {
        conv(b, 128, 1, 28, 32, true);
        conv(b, 128, 32, 13, 64, false);
        dense(b, 128, 1600, 10, false);
    } else if (!strcmp(name, "W3")) {
        conv(b, 64, 1, 28, 32, true);
        conv(b, 64, 32, 13, 64, false);
        conv(b, 64, 64, 5, 64, false);
        dense(b, 64, 576, 64, false);
        dense(b, 64, 64, 10, false);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    bench b = {0};
    if (!open_session(&b.s)) {
        fprintf(stderr, "floor: oneDNN has no engine here\n");
        return 1;
    }
    if (!measure_workload(&b, argc > 1 ? argv[1] : "W1")) {
        fprintf(stderr, "usage: floor W1|W2|W3\n");
        return 1;
    }
    double update_seconds = adam(&b, b.weights);
    dnnl_stream_destroy(b.s.stream);
    dnnl_engine_destroy(b.s.engine);
    if (b.s.failed) {
        fprintf(stderr, "floor: oneDNN refused an operation\n");
        return 1;
    }
    printf("%.4f\n", (b.seconds + update_seconds) * 1e3);
    fprintf(stderr, "kernels %.3f ms, adam %.3f ms over %lld weights\n", b.seconds * 1e3,
            update_seconds * 1e3, (long long)b.weights);
    return 0;
}
#else
int main(void)
{
    fprintf(stderr,
            "floor: this build has no oneDNN of version 2, whose kernels are the measure\n");
    return 1;
}
#endif
