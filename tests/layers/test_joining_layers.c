/* Layers of several inputs, masks through them, and EinsumDense against plain loops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/layer.h"

#include <cornu/random.h>

#include <string.h>

typedef struct einsum_case {
    const char *equation; /* without "..." */
    int64_t in[4], kernel[4], out[4];
    cn_ints output_shape;
    const char *bias_axes;
} einsum_case;

/* Every letter runs through its length; the products are added up in double. */
static void plain_einsum(const einsum_case *c, cn_tensor *x, cn_tensor *kernel, double *y)
{
    char letters[16] = "";
    int64_t lengths[16] = {0}, at[16] = {0}, total = 1;
    const char *comma = strchr(c->equation, ','), *arrow = strchr(c->equation, '-');
    for (const char *p = c->equation; p < arrow; p++) {
        if (*p != ',' && !strchr(letters, *p)) {
            size_t n = strlen(letters);
            letters[n] = *p;
            lengths[n] = p < comma ? c->in[p - c->equation] : c->kernel[p - comma - 1];
            total *= lengths[n];
        }
    }
    for (int64_t k = 0; k < total; k++) {
        int64_t rest = k;
        for (size_t i = 0; i < strlen(letters); i++) {
            at[i] = rest % lengths[i];
            rest /= lengths[i];
        }
        int64_t place[3] = {0};
        const char *from[3] = {c->equation, comma + 1, arrow + 2};
        const char *to[3] = {comma, arrow, c->equation + strlen(c->equation)};
        for (int t = 0; t < 3; t++) {
            for (const char *p = from[t]; p < to[t]; p++) {
                size_t i = (size_t)(strchr(letters, *p) - letters);
                place[t] = place[t] * lengths[i] + at[i];
            }
        }
        y[place[2]] += cn_tensor_item(x, place[0]) * cn_tensor_item(kernel, place[1]);
    }
}

static void einsum(void **state)
{
    static const einsum_case cases[] = {
        {"ab,bc->ac", {2, 3}, {3, 4}, {2, 4}, {{4}, 1}, NULL},
        {"abc,cd->abd", {2, 3, 4}, {4, 5}, {2, 3, 5}, {{CN_NONE, 5}, 2}, NULL},
        {"abc,cde->abde", {2, 3, 4}, {4, 2, 3}, {2, 3, 2, 3}, {{3, 2, 3}, 3}, NULL},
        {"abc,bcd->ad", {2, 3, 4}, {3, 4, 5}, {2, 5}, {{5}, 1}, NULL},
        {"abc,bcd->abd", {2, 3, 4}, {3, 4, 5}, {2, 3, 5}, {{3, 5}, 2}, NULL},
        {"abc,cd->adb", {2, 3, 4}, {4, 5}, {2, 5, 3}, {{5, 3}, 2}, NULL},
        {"abc,d->abd", {2, 3, 4}, {5}, {2, 3, 5}, {{3, 5}, 2}, NULL},
        {"abc,c->ab", {2, 3, 4}, {4}, {2, 3}, {{3}, 1}, NULL},
        {"abcd,dc->ab", {2, 3, 4, 2}, {2, 4}, {2, 3}, {{3}, 1}, NULL},
        {"abc,ce->ae", {2, 3, 4}, {4, 5}, {2, 5}, {{5}, 1}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const einsum_case *c = &cases[i];
        cn_scope scope = cn_scope_begin();
        cn_ints in = {.n = (int)(strchr(c->equation, ',') - c->equation)};
        memcpy(in.v, c->in, (size_t)in.n * sizeof *in.v);
        cn_tensor *x = cn_random_normal(.shape = in, .seed = 1);
        cn_layer *layer = cn_einsum_dense(c->equation, .output_shape = c->output_shape);
        cn_tensor *y = cn_call(layer, x);
        if (!y) {
            fail_msg("%s: %s", c->equation, cn_error());
        }
        double want[256] = {0};
        plain_einsum(c, x, cn_layer_weight(layer, 0), want);
        for (int64_t k = 0; k < cn_tensor_size(y); k++) {
            if (!(fabs(cn_tensor_item(y, k) - want[k]) <= 1e-5)) {
                fail_msg("%s: element %d is %g, not %g", c->equation, (int)k, cn_tensor_item(y, k),
                         want[k]);
            }
        }
        for (int k = 0; k < cn_tensor_rank(y); k++) {
            assert_int_equal(cn_tensor_dim(y, k), c->out[k]);
        }
        cn_scope_end(scope);
    }
}

static cn_tensor *numbers(int rows, int steps, const int *values)
{
    cn_tensor *t = cn_tensor_new(CN_INT32, 2, (const int64_t[]){rows, steps}, NULL);
    memcpy(cn_tensor_data_mutable(t), values, sizeof(int32_t) * (size_t)(rows * steps));
    return t;
}

static void expect_mask(const cn_tensor *t, const int *want)
{
    assert_non_null(t->mask);
    for (int64_t i = 0; i < cn_tensor_size(t->mask); i++) {
        assert_int_equal((int)cn_tensor_item(t->mask, i), want[i]);
    }
}

/* Keras 3 keeps what any input keeps, tf.keras what all keep; a mean leaves masked steps out. */
static void masks(void **state)
{
    (void)state;
    static const int first[] = {1, 0, 2, 0}, second[] = {3, 4, 0, 0};
    for (int three = 0; three < 2; three++) {
        cn_set_keras(three ? "3.15" : "2.21");
        cn_tensor *a = cn_call(cn_embedding(5, 3, .mask_zero = true), numbers(1, 4, first));
        cn_tensor *b = cn_call(cn_embedding(5, 3, .mask_zero = true), numbers(1, 4, second));
        cn_tensor *plain = cn_call(cn_embedding(5, 3), numbers(1, 4, second));
        assert_null(plain->mask);
        expect_mask(a, (const int[]){1, 0, 1, 0});
        expect_mask(cn_call(cn_add_layer(), a, b),
                    three ? (const int[]){1, 1, 1, 0} : (const int[]){1, 0, 0, 0});
        expect_mask(cn_call(cn_concatenate_layer(), a, b),
                    three ? (const int[]){1, 1, 1, 0} : (const int[]){1, 0, 0, 0});
        expect_mask(cn_call(cn_concatenate_layer(.axis = 1), a, b),
                    (const int[]){1, 0, 1, 0, 1, 1, 0, 0});
        cn_tensor *with_plain = cn_call(cn_multiply_layer(), a, plain);
        if (three) {
            assert_null(with_plain->mask);
        } else {
            expect_mask(with_plain, (const int[]){1, 0, 1, 0});
        }
        cn_tensor *mean = cn_call(cn_global_average_pooling1d(), a);
        assert_null(mean->mask);
        for (int k = 0; k < 3; k++) {
            double want = (cn_tensor_item(a, k) + cn_tensor_item(a, 6 + k)) / 2;
            assert_true(fabs(cn_tensor_item(mean, k) - want) < 1e-7);
        }
    }
    cn_set_keras("2.21");
}

/* Inputs of smaller rank get axes behind the batch. */
static void ranks(void **state)
{
    (void)state;
    cn_tensor *a = cn_random_normal(.shape = {2, 3, 4}, .seed = 1);
    cn_tensor *b = cn_random_normal(.shape = {2, 4}, .seed = 2);
    cn_tensor *y = cn_call(cn_subtract_layer(), a, b);
    assert_int_equal(cn_tensor_rank(y), 3);
    for (int i = 0; i < 24; i++) {
        double want = cn_tensor_item(a, i) - cn_tensor_item(b, i / 12 * 4 + i % 4);
        assert_true(fabs(cn_tensor_item(y, i) - want) < 1e-6);
    }
    cn_tensor *dot = cn_call(cn_dot_layer(.axes = {2, 1}), a, b);
    assert_int_equal(cn_tensor_rank(dot), 2);
    for (int i = 0; i < 6; i++) {
        double want = 0;
        for (int k = 0; k < 4; k++) {
            want += cn_tensor_item(a, i * 4 + k) * cn_tensor_item(b, i / 3 * 4 + k);
        }
        assert_true(fabs(cn_tensor_item(dot, i) - want) < 1e-5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(einsum), cmocka_unit_test(masks),
                                       cmocka_unit_test(ranks)};
    return cmocka_run_group_tests_name("joining layers", tests, NULL, NULL);
}
