/* Times of the most common convolutions of ResNet-50 and MobileNetV2, forward and both gradients,
 * by the kernel that Cornu chooses, by each of its kernels, and by oneDNN alone in its own layout.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/memory.h"
#include "kernels/cpu/conv_claims.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/window.h"
#include "kernels/registry.h"
#if CN__HAVE_ONEDNN
#include "kernels/onednn/onednn.h"
#endif

/* All are padded 'same'. */
typedef struct layer {
    const char *name;
    int size, cin, cout, kernel, stride, groups;
} layer;

static const layer layers[] = {
    {"ResNet 7x7/2 3-64", 224, 3, 64, 7, 2, 1},   {"ResNet 1x1 64-256", 56, 64, 256, 1, 1, 1},
    {"ResNet 3x3 64", 56, 64, 64, 3, 1, 1},       {"ResNet 1x1/2 256-512", 56, 256, 512, 1, 2, 1},
    {"ResNet 3x3 128", 28, 128, 128, 3, 1, 1},    {"ResNet 1x1 512-256", 14, 512, 256, 1, 1, 1},
    {"ResNet 3x3 256", 14, 256, 256, 3, 1, 1},    {"ResNet 3x3 512", 7, 512, 512, 3, 1, 1},
    {"Mobile 3x3/2 3-32", 224, 3, 32, 3, 2, 1},   {"Mobile 1x1 16-96", 112, 16, 96, 1, 1, 1},
    {"Mobile dw/2 96", 112, 96, 96, 3, 2, 96},    {"Mobile dw 144", 56, 144, 144, 3, 1, 144},
    {"Mobile 1x1 144-24", 56, 144, 24, 1, 1, 1},  {"Mobile 1x1 32-192", 28, 32, 192, 1, 1, 1},
    {"Mobile dw 384", 14, 384, 384, 3, 1, 384},   {"Mobile 1x1 384-64", 14, 384, 64, 1, 1, 1},
    {"Mobile 1x1 160-960", 7, 160, 960, 1, 1, 1}, {"Mobile dw 960", 7, 960, 960, 3, 1, 960},
};

/* Shapes that no network is known for, which show where a rule ends: CN_BENCH_ODD=1. */
static const layer odd[] = {
    {"3x3 20-30", 28, 20, 30, 3, 1, 1},
    {"1x1 20-30", 28, 20, 30, 1, 1, 1},
    {"5x5 1-6", 28, 1, 6, 5, 1, 1},
    {"5x5 6-16", 14, 6, 16, 5, 1, 1},
    {"3x3/2 8-8", 28, 8, 8, 3, 2, 1},
    {"3x3/2 17-33", 28, 17, 33, 3, 2, 1},
    {"3x3/2 16-32", 32, 16, 32, 3, 2, 1},
    {"1x1/2 16-32", 32, 16, 32, 1, 2, 1},
    {"3x3 100-10", 14, 100, 10, 3, 1, 1},
    {"3x3 64-1", 28, 64, 1, 3, 1, 1},
    {"3x3 4 groups 64-64", 28, 64, 64, 3, 1, 4},
    {"3x3 3 groups 30-60", 28, 30, 60, 3, 1, 3},
    {"dw 5x5 20", 28, 20, 20, 5, 1, 20},
    {"dw x2 32-64", 28, 32, 64, 3, 1, 32},
    {"dw 7x7 96", 28, 96, 96, 7, 1, 96},
    {"3x3 16-16", 8, 16, 16, 3, 1, 1},
    {"3x3 64-64", 4, 64, 64, 3, 1, 1},
    {"3x3/2 128", 56, 128, 128, 3, 2, 1},
    {"3x3/2 256", 28, 256, 256, 3, 2, 1},
    {"1x1 256-64", 56, 256, 64, 1, 1, 1},
    {"1x1 1024-256", 14, 1024, 256, 1, 1, 1},
    {"1x1 2048-512", 7, 2048, 512, 1, 1, 1},
    {"3x3 48-48", 14, 48, 48, 3, 1, 1},
    {"3x3 32-32", 16, 32, 32, 3, 1, 1},
    {"3x3 96-96", 14, 96, 96, 3, 1, 1},
    {"5x5 64-64", 14, 64, 64, 5, 1, 1},
    {"3x3 32 groups 128", 28, 128, 128, 3, 1, 32},
    {"1x1 64-64", 4, 64, 64, 1, 1, 1},
};

enum { IMAGES = 16, VARIANTS = 4 };
enum { CHOSEN, CPU, ONEDNN, FLOOR };
enum { FORWARD, DATA, WEIGHTS, PASSES };

/* One thread's own time, so that a busy neighbour shows less. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *array(int64_t n)
{
    float *p = aligned_alloc(64, ((size_t)n * sizeof *p + 127) / 64 * 64);
    if (!p) {
        exit(1);
    }
    for (int64_t i = 0; i < n; i++) {
        p[i] = (float)(i * 7 % 11 - 5) / 8;
    }
    return p;
}

typedef struct task {
    cn__attrs attrs;
    cn__arg x, kernel,
        y;        /* (16, size, size, cin), (k, k, cin / groups, cout), (16, out, out, cout) */
    double flops; /* of an image */
} task;

static cn__arg argument(const int64_t *dim)
{
    cn__arg arg = {.dtype = CN_FLOAT32, .shape = {.rank = 4}};
    memcpy(arg.shape.dim, dim, 4 * sizeof *dim);
    arg.data = array(dim[0] * dim[1] * dim[2] * dim[3]);
    return arg;
}

static task task_of(const layer *l)
{
    task t = {.attrs = {.i = {[CN__WINDOW_STRIDE] = l->stride,
                              [CN__WINDOW_STRIDE + 1] = l->stride,
                              [CN__WINDOW_GROUPS] = l->groups,
                              [CN__WINDOW_SAME] = 1}}};
    int64_t out = (l->size - 1) / l->stride + 1, per_group = l->cin / l->groups;
    t.x = argument((const int64_t[]){IMAGES, l->size, l->size, l->cin});
    t.kernel = argument((const int64_t[]){l->kernel, l->kernel, per_group, l->cout});
    t.y = argument((const int64_t[]){IMAGES, out, out, l->cout});
    t.flops = 2.0 * (double)(out * out * l->cout) * (double)(l->kernel * l->kernel * per_group);
    return t;
}

static void release(task *t)
{
    free(t->x.data);
    free(t->kernel.data);
    free(t->y.data);
}

/* A call of one pass; in and out are the caller's. */
static cn__call call_of(const task *t, int pass, cn__arg in[3], cn__arg out[1])
{
    static const cn__op *const ops[] = {&cn__op_conv, &cn__op_conv_gradient_input,
                                        &cn__op_conv_gradient_kernel};
    const cn__arg *order[PASSES][4] = {{&t->x, &t->kernel, &t->x, &t->y},
                                       {&t->y, &t->kernel, &t->x, &t->x},
                                       {&t->x, &t->y, &t->kernel, &t->kernel}};
    for (int i = 0; i < 3; i++) {
        in[i] = *order[pass][i];
    }
    out[0] = *order[pass][3];
    return (cn__call){.op = ops[pass],
                      .attrs = &t->attrs,
                      .n_in = pass == FORWARD ? 2 : 3,
                      .n_out = 1,
                      .in = in,
                      .out = out};
}

static const cn__kernel *kernel_of(const cn__call *call, int pass, int variant)
{
    static const cn__kernel *const cpu[] = {&cn__cpu_conv, &cn__cpu_conv_gradient_input,
                                            &cn__cpu_conv_gradient_kernel};
    if (variant == CHOSEN) {
        return cn__kernel_for(call);
    }
#if CN__HAVE_ONEDNN
    static const cn__kernel *const onednn[] = {&cn__onednn_conv_forward,
                                               &cn__onednn_conv_gradient_input,
                                               &cn__onednn_conv_gradient_kernel};
    if (variant == ONEDNN) {
        return onednn[pass];
    }
#endif
    return variant == CPU ? cpu[pass] : NULL;
}

/* Enough for any of the kernels; written to, so that no page is new when the clock runs. */
static void *scratch_of(const cn__call *call, int pass)
{
    size_t most = 64;
    for (int v = 0; v < FLOOR; v++) {
        const cn__kernel *kernel = kernel_of(call, pass, v);
        size_t bytes = kernel && kernel->scratch_bytes ? kernel->scratch_bytes(call) : 0;
        most = bytes > most && bytes < (size_t)1 << 40 ? bytes : most;
    }
    void *scratch = cn__malloc_aligned(most);
    if (!scratch) {
        exit(1);
    }
    return memset(scratch, 0, most);
}

/* Seconds of one run of a kernel over the 16 images in one thread, as a chunk of a program has it;
 * infinite where it cannot. */
static double time_kernel(const cn__call *call, const cn__kernel *kernel)
{
    int64_t units = kernel->units ? kernel->units(call) : 1;
    double start = now();
    int code = kernel->run(call, 0, units);
    double seconds = code == 0 ? now() - start : 1e9;
    cn_error_clear();
    return seconds;
}

#if CN__HAVE_ONEDNN
/* oneDNN's primitive for all images at once, everything in its own layouts already. */
typedef struct floor_task {
    const cn__onednn_conv *conv;
    void *memory[4]; /* x, kernel, y, scratchpad */
} floor_task;

static floor_task floor_of(const task *t, int pass)
{
    static const dnnl_query_t queries[PASSES][4] = {
        {dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md, dnnl_query_scratchpad_md},
        {dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md,
         dnnl_query_scratchpad_md},
        {dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md,
         dnnl_query_scratchpad_md}};
    floor_task f = {0};
    cn__onednn_key key;
    cn__onednn_key_of(&t->attrs, &t->x.shape, &t->kernel.shape, &t->y.shape, &key);
    key.pass = pass;
    key.images = IMAGES;
    key.free = 1;
    f.conv = cn__onednn_take(&key);
    for (int i = 0; f.conv && f.conv->usable && i < 4; i++) {
        size_t bytes = dnnl_memory_desc_get_size(
            dnnl_primitive_desc_query_md(f.conv->conv_desc, queries[pass][i], 0));
        f.memory[i] = array((int64_t)bytes / 4 + 16);
    }
    return f;
}

static double time_floor(const floor_task *f)
{
    if (!f->conv || !f->conv->usable) {
        return 1e9;
    }
    dnnl_stream_t stream;
    int before = cn__onednn_begin();
    dnnl_stream_create(&stream, cn__onednn_engine(), dnnl_stream_default_flags);
    double start = now();
    cn__onednn_execute(f->conv, stream, f->memory[0], f->memory[1], f->memory[2], f->memory[3]);
    double seconds = now() - start;
    dnnl_stream_destroy(stream);
    cn__onednn_end(before);
    return seconds;
}

static void release_floor(floor_task *f)
{
    for (int i = 0; i < 4; i++) {
        free(f->memory[i]);
    }
    if (f->conv) {
        cn__onednn_give(f->conv);
    }
}
#else
typedef struct floor_task {
    int none;
} floor_task;

static floor_task floor_of(const task *t, int pass)
{
    (void)t;
    return (floor_task){pass};
}

static double time_floor(const floor_task *f)
{
    (void)f;
    return 1e9;
}

static void release_floor(floor_task *f)
{
    (void)f;
}
#endif

static void print_time(double seconds)
{
    if (seconds < 1e6) {
        printf(" %9.1f", seconds / IMAGES * 1e6);
    } else {
        printf(" %9s", "-");
    }
}

static void print_line(const char *name, int pass, const char *kernel, const double *best,
                       double flops)
{
    static const char *const passes[] = {"forward", "data", "kernel"};
    printf("%-22s %-8s %-7s", name, passes[pass], kernel);
    for (int v = 0; v < VARIANTS; v++) {
        print_time(best[v]);
    }
    if (best[FLOOR] < 1e6) {
        printf(" %7.2f", best[CHOSEN] / best[FLOOR]);
    } else {
        printf(" %7s", "-");
    }
    printf(" %7.0f\n", flops * IMAGES / best[CHOSEN] / 1e9);
    fflush(stdout);
}

static void measure(const layer *l, int rounds)
{
    task t = task_of(l);
    for (int pass = 0; pass < PASSES; pass++) {
        cn__arg in[3], out[1];
        cn__call call = call_of(&t, pass, in, out);
        floor_task f = floor_of(&t, pass);
        call.scratch = scratch_of(&call, pass);
        double best[VARIANTS] = {1e9, 1e9, 1e9, 1e9};
        for (int round = 0; round < rounds; round++) {
            for (int v = 0; v < VARIANTS; v++) {
                const cn__kernel *kernel = kernel_of(&call, pass, v);
                double seconds = v == FLOOR ? time_floor(&f)
                                 : kernel   ? time_kernel(&call, kernel)
                                            : 1e9;
                best[v] = seconds < best[v] ? seconds : best[v];
            }
        }
        print_line(l->name, pass, cn__kernel_for(&call)->name, best, t.flops);
        release_floor(&f);
        cn__free_aligned(call.scratch);
    }
    release(&t);
}

int main(void)
{
    int rounds = getenv("CN_BENCH_ROUNDS") ? atoi(getenv("CN_BENCH_ROUNDS")) : 3;
    bool more = getenv("CN_BENCH_ODD") != NULL;
    printf("Microseconds an image (chunks of %d, one thread, %s; minima of %d rounds)\n", IMAGES,
           cn__cpu_isa_name(cn__cpu_isa()), rounds);
    printf("%-22s %-8s %-7s %9s %9s %9s %9s %7s %7s\n", "layer", "pass", "kernel", "chosen", "cpu",
           "onednn", "alone", "ratio", "GF/s");
    size_t n = more ? sizeof odd / sizeof *odd : sizeof layers / sizeof *layers;
    for (size_t i = 0; i < n; i++) {
        measure(more ? &odd[i] : &layers[i], rounds < 1 ? 1 : rounds);
    }
    return 0;
}
