/* Convolutions and their gradients by oneDNN against the reference kernels: random geometry, any
 * split, several threads, more shapes than are kept. ctest-labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/memory.h"
#include "kernels/cpu/cpu.h"
#include "kernels/reference/window.h"
#include "kernels/registry.h"

#if CN__HAVE_ONEDNN
#include "kernels/onednn/onednn.h"

#include <pthread.h>

static uint64_t random_state = 1;

static uint32_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 24);
}

static int random_int(int lo, int hi)
{
    return lo + (int)(random_bits() % (uint32_t)(hi - lo + 1));
}

/* A call with arrays of its own; the last input is read for its shape only. */
typedef struct test_call {
    cn__attrs attrs;
    cn__arg in[3], out[1];
    cn__call call;
    const cn__kernel *kernel;
    int64_t size; /* of the output */
} test_call;

/* Small integers, so that all sums of products are exact in float32 and equality can be asked for.
 */
static float *array(const cn_shape *shape)
{
    int64_t n = cn__shape_size(shape);
    float *p = malloc((size_t)n * sizeof *p); /* of exactly this size, for the sanitizers */
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) {
        p[i] = (float)random_int(-2, 2);
    }
    return p;
}

static cn__arg argument(const cn_shape *shape, bool data)
{
    return (cn__arg){.dtype = CN_FLOAT32, .shape = *shape, .data = data ? array(shape) : NULL};
}

enum { FORWARD, DATA, WEIGHTS, PASSES };

static test_call *make_call(int pass, const cn__attrs *attrs, const cn_shape *x,
                            const cn_shape *kernel, const cn_shape *y)
{
    static const cn__op *const ops[] = {&cn__op_conv, &cn__op_conv_gradient_input,
                                        &cn__op_conv_gradient_kernel};
    static const cn__kernel *const kernels[] = {&cn__onednn_conv_forward,
                                                &cn__onednn_conv_gradient_input,
                                                &cn__onednn_conv_gradient_kernel};
    const cn_shape *order[PASSES][4] = {
        {x, kernel, x, y}, {y, kernel, x, x}, {x, y, kernel, kernel}};
    test_call *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->attrs = *attrs;
    for (int i = 0; i < 3; i++) {
        t->in[i] = argument(order[pass][i], i < 2);
    }
    t->out[0] = argument(order[pass][3], true);
    t->size = cn__shape_size(order[pass][3]);
    t->call = (cn__call){.op = ops[pass],
                         .attrs = &t->attrs,
                         .n_in = pass == FORWARD ? 2 : 3,
                         .n_out = 1,
                         .in = t->in,
                         .out = t->out};
    t->kernel = kernels[pass];
    return t;
}

static void free_call(test_call *t)
{
    free(t->in[0].data);
    free(t->in[1].data);
    free(t->out[0].data);
    free(t);
}

/* Runs a kernel over units in `parts` ranges, each with scratch of exactly what it asks for; the
 * result, which the caller frees. */
static float *run(const test_call *t, const cn__kernel *kernel, int64_t parts)
{
    float *y = malloc((size_t)t->size * sizeof *y);
    assert_non_null(y);
    for (int64_t i = 0; i < t->size; i++) {
        y[i] = 77;
    }
    cn__call call = t->call;
    cn__arg out = t->out[0];
    out.data = y;
    call.out = &out;
    int64_t units = kernel->units ? kernel->units(&call) : 1;
    size_t bytes = kernel->scratch_bytes ? kernel->scratch_bytes(&call) : 0;
    assert_true(bytes < (size_t)1 << 32);
    for (int64_t p = 0; p < parts; p++) {
        int64_t begin = units * p / parts, end = units * (p + 1) / parts;
        call.scratch = cn__malloc_aligned(bytes ? bytes : 1);
        assert_non_null(call.scratch);
        memset(call.scratch, 0x7f, bytes); /* what lies there must not matter */
        assert_int_equal(begin < end ? kernel->run(&call, begin, end) : 0, 0);
        cn__free_aligned(call.scratch);
    }
    return y;
}

static int64_t unequal(const float *a, const float *b, int64_t n)
{
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        bad += !(a[i] == b[i]);
    }
    return bad;
}

/* Attributes and shapes of a random convolution; kind 0: one group, 1: groups, 2: depthwise, 3: one
 * tap. False if there is no output. */
static bool random_case(int kind, cn__attrs *attrs, cn_shape *x, cn_shape *kernel, cn_shape *y)
{
    static const int edges[] = {1,  2,  3,  4,  7,  8,  9,  15, 16, 17,
                                24, 31, 32, 33, 48, 64, 65, 96, 128};
    int n = random_int(1, 3), most = n == 3 ? 7 : n == 2 ? 14 : 60;
    int groups = kind == 1 ? random_int(2, 4) : 1, channels = edges[random_bits() % 19];
    memset(attrs, 0, sizeof *attrs);
    x->rank = kernel->rank = y->rank = n + 2;
    x->dim[0] = y->dim[0] = random_int(1, 3) == 1 ? random_int(17, 23) : random_int(1, 6);
    attrs->i[CN__WINDOW_SAME] = random_int(0, 1);
    for (int a = 0; a < n; a++) {
        kernel->dim[a] = kind == 3 ? 1 : random_int(1, n == 3 ? 3 : 5);
        x->dim[1 + a] = random_int(1, most);
        attrs->i[CN__WINDOW_STRIDE + a] = random_int(0, 3);
        attrs->i[CN__WINDOW_DILATION + a] = random_int(0, 3) == 3 ? random_int(2, 3) : 0;
        attrs->i[CN__WINDOW_BEFORE + a] = random_int(0, 4) == 4 ? random_int(1, 3) : 0;
        attrs->i[CN__WINDOW_AFTER + a] = random_int(0, 4) == 4 ? random_int(1, 3) : 0;
    }
    int64_t cin = kind == 1 ? groups * random_int(1, 20) : channels;
    int64_t cout = kind == 1 ? groups * random_int(1, 20) : edges[random_bits() % 19];
    if (kind == 2) {
        groups = (int)cin;
        cout = cin * (random_int(0, 3) ? 1 : 2);
    }
    attrs->i[CN__WINDOW_GROUPS] = groups;
    x->dim[n + 1] = cin;
    kernel->dim[n] = cin / groups;
    kernel->dim[n + 1] = y->dim[n + 1] = cout;
    cn__window w;
    cn__window_of(&w, attrs, x, kernel);
    bool good = true;
    for (int a = 0; a < n; a++) {
        y->dim[1 + a] = w.out[3 - n + a];
        good = good && y->dim[1 + a] > 0;
    }
    return good;
}

/* Whether oneDNN has a primitive for the call, whatever the rule about its speed says. */
static bool can(const test_call *t)
{
    size_t bytes = t->kernel->scratch_bytes(&t->call);
    if (bytes >= (size_t)1 << 32) {
        return false;
    }
    cn__call call = t->call;
    cn__arg out = t->out[0];
    out.data = malloc((size_t)t->size * sizeof(float));
    call.out = &out;
    call.scratch = cn__malloc_aligned(bytes ? bytes : 1);
    assert_true(out.data && call.scratch);
    int code = t->kernel->run(&call, 0, t->kernel->units(&call));
    free(out.data);
    cn__free_aligned(call.scratch);
    assert_int_equal(code < 0, cn_error() != NULL);
    cn_error_clear();
    return code == 0;
}

static void check_pass(int pass, const cn__attrs *attrs, const cn_shape *x, const cn_shape *kernel,
                       const cn_shape *y, int *tried)
{
    test_call *t = make_call(pass, attrs, x, kernel, y);
    if (can(t)) {
        int64_t units = t->kernel->units(&t->call);
        float *want = run(t, t->call.op->reference, 1), *one = run(t, t->kernel, 1),
              *some = run(t, t->kernel, units), *two = run(t, t->kernel, 2);
        int64_t bad = unequal(one, want, t->size);
        if (bad) {
            char a[128], b[128];
            print_message("pass %d: x %s, kernel %s, groups %d, same %d\n", pass,
                          cn__shape_text(x, a, sizeof a), cn__shape_text(kernel, b, sizeof b),
                          (int)attrs->i[CN__WINDOW_GROUPS], (int)attrs->i[CN__WINDOW_SAME]);
        }
        assert_int_equal(bad, 0);
        assert_int_equal(unequal(some, one, t->size), 0);
        assert_int_equal(unequal(two, one, t->size), 0);
        free(want);
        free(one);
        free(some);
        free(two);
        ++*tried;
    }
    free_call(t);
}

/* The reference is in double and slow, so sizes are small; oneDNN has no vector code for some. */
static void random_shapes(void **state)
{
    (void)state;
    random_state = 20240607;
    int tried[PASSES] = {0, 0, 0};
    for (int i = 0; i < 400; i++) {
        cn__attrs attrs;
        cn_shape x, kernel, y;
        if (random_case(i % 4, &attrs, &x, &kernel, &y)) {
            for (int pass = 0; pass < PASSES; pass++) {
                check_pass(pass, &attrs, &x, &kernel, &y, &tried[pass]);
            }
        }
    }
    for (int pass = 0; pass < PASSES; pass++) {
        print_message("pass %d: %d shapes by oneDNN\n", pass, tried[pass]);
        assert_true(tried[pass] >= 100);
    }
}

/* A kernel large enough to be cut into slabs of input channels, images of every group size. */
static void slabs(void **state)
{
    (void)state;
    random_state = 99;
    static const int images[] = {1, 5, 21};
    for (int i = 0; i < 3; i++) {
        cn__attrs attrs = {.i = {[CN__WINDOW_SAME] = 1}};
        cn_shape x = cn_shape_of(images[i], 3, 5, 128), kernel = cn_shape_of(3, 3, 128, 80),
                 y = cn_shape_of(images[i], 3, 5, 80);
        test_call *t = make_call(WEIGHTS, &attrs, &x, &kernel, &y);
        int cut = can(t);
        assert_int_equal(!cut || t->kernel->units(&t->call) > 1, 1);
        free_call(t);
        int tried = 0;
        check_pass(WEIGHTS, &attrs, &x, &kernel, &y, &tried);
        assert_int_equal(tried, cut);
    }
}

/* Real numbers, as the layers of ResNet-50 and MobileNetV2 have them: the error is that of sums in
 * float32, which over n products is about sqrt(n) roundings of 6e-8 in the mean. */
static void real_numbers(void **state)
{
    (void)state;
    static const struct {
        int size, cin, cout, kernel, stride, groups;
    } layers[] = {{16, 3, 64, 7, 2, 1},  {8, 64, 96, 1, 1, 1},   {8, 128, 32, 1, 2, 1},
                  {8, 40, 40, 3, 1, 1},  {12, 96, 96, 3, 2, 96}, {12, 48, 48, 3, 1, 48},
                  {10, 32, 48, 3, 1, 4}, {7, 160, 64, 1, 1, 1}};
    random_state = 7;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        int k = layers[i].kernel, s = layers[i].stride, g = layers[i].groups, n = layers[i].size;
        cn__attrs attrs = {.i = {[CN__WINDOW_SAME] = 1,
                                 [CN__WINDOW_STRIDE] = s,
                                 [CN__WINDOW_STRIDE + 1] = s,
                                 [CN__WINDOW_GROUPS] = g}};
        int out = (n + s - 1) / s;
        cn_shape x = cn_shape_of(5, n, n, layers[i].cin),
                 y = cn_shape_of(5, out, out, layers[i].cout),
                 kernel = cn_shape_of(k, k, layers[i].cin / g, layers[i].cout);
        for (int pass = 0; pass < PASSES; pass++) {
            test_call *t = make_call(pass, &attrs, &x, &kernel, &y);
            for (int j = 0; j < 2; j++) {
                float *p = t->in[j].data;
                for (int64_t e = 0; e < cn__shape_size(&t->in[j].shape); e++) {
                    p[e] = (float)random_bits() / 2147483648.0f - 1;
                }
            }
            if (can(t)) {
                float *want = run(t, t->call.op->reference, 1), *got = run(t, t->kernel, 1);
                double error = 0, size = 0;
                for (int64_t e = 0; e < t->size; e++) {
                    error += ((double)got[e] - want[e]) * ((double)got[e] - want[e]);
                    size += (double)want[e] * want[e];
                }
                assert_true(sqrt(error / size) <= 1e-6);
                free(want);
                free(got);
            }
            free_call(t);
        }
    }
}

/* More shapes than the cache has places, so that old entries are thrown out and made again. */
static void many_shapes(void **state)
{
    (void)state;
    cn__onednn_key key = {.images = 1,
                          .groups = 1,
                          .cin = 16,
                          .cout = 16,
                          .in = {1, 6, 1},
                          .out = {1, 6, 1},
                          .size = {1, 1, 1},
                          .stride = {1, 1, 1},
                          .dilation = {1, 1, 1}};
    key.in[2] = key.out[2] = 1;
    const cn__onednn_conv *held = cn__onednn_take(&key);
    assert_non_null(held);
    for (int i = 2; i < 560; i++) {
        key.in[2] = key.out[2] = i;
        const cn__onednn_conv *conv = cn__onednn_take(&key);
        assert_non_null(conv);
        assert_int_equal(conv->key.in[2], i);
        cn__onednn_give(conv);
    }
    key.in[2] = key.out[2] = 1;
    const cn__onednn_conv *again = cn__onednn_take(&key);
    assert_ptr_equal(again, held); /* what is in use stays */
    cn__onednn_give(again);
    cn__onednn_give(held);
}

typedef struct shared {
    const test_call *t;
    const float *want;
    int64_t bad;
} shared;

static void *run_beside(void *user)
{
    shared *s = user;
    for (int i = 0; i < 8; i++) {
        float *got = run(s->t, s->t->kernel, 1 + i % 3);
        s->bad += unequal(got, s->want, s->t->size);
        free(got);
    }
    return NULL;
}

/* One shape from several threads at once: they share the primitive, not its scratch. */
static void threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    random_state = 3;
    cn__attrs attrs = {.i = {[CN__WINDOW_SAME] = 1}};
    cn_shape x = cn_shape_of(9, 12, 12, 24), kernel = cn_shape_of(3, 3, 24, 40),
             y = cn_shape_of(9, 12, 12, 40);
    for (int pass = 0; pass < PASSES; pass++) {
        test_call *t = make_call(pass, &attrs, &x, &kernel, &y);
        if (can(t)) {
            float *want = run(t, t->kernel, 1);
            shared work[THREADS];
            pthread_t id[THREADS];
            for (int i = 0; i < THREADS; i++) {
                work[i] = (shared){.t = t, .want = want};
                assert_int_equal(pthread_create(&id[i], NULL, run_beside, &work[i]), 0);
            }
            for (int i = 0; i < THREADS; i++) {
                pthread_join(id[i], NULL);
                assert_int_equal(work[i].bad, 0);
            }
            free(want);
        }
        free_call(t);
    }
}

/* The rule looks at shapes, types and the instruction set, and says no where oneDNN cannot. */
static void rule(void **state)
{
    (void)state;
    int isa = cn__cpu_isa();
    bool fast = isa == CN__ISA_AVX2 || isa == CN__ISA_AVX512;
    cn__attrs attrs = {.i = {[CN__WINDOW_SAME] = 1}};
    cn_shape x = cn_shape_of(2, 28, 28, 32), kernel = cn_shape_of(1, 1, 32, 192),
             y = cn_shape_of(2, 28, 28, 192);
    test_call *t = make_call(FORWARD, &attrs, &x, &kernel, &y);
    assert_int_equal(t->kernel->claims(&t->call), fast);
    t->in[0].dtype = t->in[1].dtype = t->out[0].dtype = CN_FLOAT64;
    assert_false(t->kernel->claims(&t->call));
    free_call(t);
    cn_shape small = cn_shape_of(2, 4, 4, 32), small_y = cn_shape_of(2, 4, 4, 192);
    t = make_call(FORWARD, &attrs, &small, &kernel, &small_y);
    assert_false(t->kernel->claims(&t->call));
    free_call(t);
    cn_shape none = cn_shape_of(0, 28, 28, 32), none_y = cn_shape_of(0, 28, 28, 192);
    t = make_call(FORWARD, &attrs, &none, &kernel, &none_y);
    assert_false(t->kernel->claims(&t->call));
    free_call(t);
    assert_null(cn_error());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes), cmocka_unit_test(slabs),   cmocka_unit_test(real_numbers),
        cmocka_unit_test(many_shapes),   cmocka_unit_test(threads), cmocka_unit_test(rule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void without(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(without)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
