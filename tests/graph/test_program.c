/* Programs: passes off, numbers of threads, packed variables, traces that assign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/program.h"
#include "models/training.h"
#include "ops/check.h"
#include "ops/tape.h"
#include <cornu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cn_scope scope;

static int setup(void **state)
{
    (void)state;
    unsetenv("CORNU_PLAN");
    cn_set_random_seed(1);
    cn_clear_session();
    scope = cn_scope_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unsetenv("CORNU_PLAN");
    cn_error_clear();
    cn_set_num_threads(0);
    cn_scope_end(scope);
    return 0;
}

static void plan_with(const char *setting)
{
    if (*setting) {
        setenv("CORNU_PLAN", setting, 1);
    } else {
        unsetenv("CORNU_PLAN");
    }
}

/* Networks by chance
 * -------------------------------------------------------------------------------------------- */

static uint32_t chance;

static int pick(int n)
{
    chance = chance * 1664525u + 1013904223u;
    return (int)((chance >> 8) % (uint32_t)n);
}

typedef struct recipe {
    int columns, rows, batch, n_layers, units[4], activation[4], norm[4], dropout[4], bias[4];
    int loss, optimizer, weighted, clip;
} recipe;

static const char *const activations[] = {"relu", "linear", "sigmoid", "tanh",    "softmax",
                                          "elu",  "gelu",   "swish",   "softplus"};
static const char *const losses[] = {"mse",
                                     "mae",
                                     "categorical_crossentropy",
                                     "binary_crossentropy",
                                     "sparse_categorical_crossentropy",
                                     "hinge",
                                     "log_cosh"};

static recipe invent(uint32_t seed)
{
    static const int sizes[] = {1, 2, 3, 5, 7, 10, 15, 16, 17, 31, 32, 33, 48, 63, 65, 100};
    chance = seed * 2654435761u + 1;
    recipe r = {.columns = sizes[pick(16)],
                .rows = 1 + pick(70),
                .n_layers = 1 + pick(4),
                .loss = pick(7),
                .optimizer = pick(7),
                .weighted = pick(4) == 0,
                .clip = pick(3)};
    r.batch = 1 + pick(r.rows);
    for (int i = 0; i < r.n_layers; i++) {
        r.units[i] = sizes[pick(16)];
        r.activation[i] = pick(9);
        r.norm[i] = pick(5) == 0 && r.batch > 1;
        r.dropout[i] = pick(6) == 0;
        r.bias[i] = pick(4) != 0;
    }
    int last = r.n_layers - 1;
    r.norm[last] = r.dropout[last] = 0;
    if (r.loss >= 2 && r.loss <= 4) {
        /* Probabilities, by the activation that goes back to the logits or by one that does not. */
        r.activation[last] = r.loss == 3 ? 2 : 4;
        r.units[last] = r.units[last] < 2 ? 2 : r.units[last];
    }
    return r;
}

/* Adam's quotient of noise by noise is damped: where a gradient is nothing but rounding, plans may
 * differ in its sign. */
static cn_optimizer *optimizer_of(const recipe *r)
{
    double clipnorm = r->clip == 1 ? 0.5 : CN_NONE_FLOAT,
           clipvalue = r->clip == 2 ? 0.1 : CN_NONE_FLOAT;
    switch (r->optimizer) {
    case 0:
        return cn_optimizer_sgd(.learning_rate = 0.05, .clipnorm = clipnorm,
                                .clipvalue = clipvalue);
    case 1: return cn_optimizer_sgd(.learning_rate = 0.02, .momentum = 0.9, .clipvalue = clipvalue);
    case 2: return cn_optimizer_sgd(.learning_rate = 0.02, .momentum = 0.8, .nesterov = true);
    case 3: return cn_optimizer_rmsprop(.epsilon = 1e-2, .clipnorm = clipnorm);
    case 4: return cn_optimizer_adam(.epsilon = 1e-2, .clipnorm = clipnorm, .clipvalue = clipvalue);
    case 5: return cn_optimizer_adam(.epsilon = 1e-2, .amsgrad = true);
    default: return cn_optimizer_adamw(.epsilon = 1e-2, .weight_decay = 0.01);
    }
}

static cn_model *network(const recipe *r)
{
    cn_model *model = cn_sequential();
    for (int i = 0; i < r->n_layers; i++) {
        if (i == 0) {
            cn_model_add(model, cn_dense(r->units[i], .activation = activations[r->activation[i]],
                                         .use_bias = r->bias[i], .input_shape = {r->columns}));
        } else {
            cn_model_add(model, cn_dense(r->units[i], .activation = activations[r->activation[i]],
                                         .use_bias = r->bias[i]));
        }
        if (r->norm[i]) {
            cn_model_add(model, cn_batch_normalization());
        }
        if (r->dropout[i]) {
            cn_model_add(model, cn_dropout(0.25));
        }
    }
    cn_model_compile(model, .optimizer = optimizer_of(r), .loss = losses[r->loss],
                     .metrics = {"accuracy"});
    return model;
}

enum { MOST = 60000 };

typedef struct outcome {
    int n;
    float v[MOST];
} outcome;

static void keep(outcome *o, const cn_tensor *t)
{
    int64_t n = cn_tensor_size(t);
    assert_true(n >= 0 && o->n + n <= MOST);
    memcpy(o->v + o->n, cn_tensor_floats(t), (size_t)n * sizeof(float));
    o->n += (int)n;
}

/* Two epochs, then weights, losses and predictions. */
static void train(const recipe *r, outcome *o)
{
    o->n = 0;
    cn_scope own = cn_scope_begin();
    cn_set_random_seed(77);
    cn_clear_session();
    int units = r->units[r->n_layers - 1];
    cn_tensor *x = cn_random_normal(.shape = {r->rows, r->columns}, .seed = 5);
    cn_tensor *y = cn_random_uniform(.shape = {r->rows, units}, .seed = 6);
    if (r->loss == 2 || r->loss == 4) {
        y = cn_argmax(y, 1);
        y = r->loss == 2 ? cn_to_categorical(y, .num_classes = units) : y;
    } else if (r->loss == 3) {
        y = cn_cast(cn_greater(y, 0.5), CN_FLOAT32);
    }
    cn_tensor *weights = cn_random_uniform(.shape = {r->rows}, .seed = 8);
    cn_model *model = network(r);
    cn_history *history =
        cn_model_fit(model, x, y, .verbose = 0, .epochs = 2, .batch_size = r->batch,
                     .sample_weight = {{r->weighted ? weights : NULL}});
    if (!history) {
        fail_msg("%s", cn_error());
    }
    for (int i = 0; i < 2; i++) {
        o->v[o->n++] = (float)cn_history_get(history, "loss", NULL)[i];
    }
    cn_tensor *list[64];
    int n = cn_model_weights(model, list, 64);
    for (int i = 0; i < n; i++) {
        keep(o, list[i]);
    }
    keep(o, cn_model_predict(model, x, .verbose = 0));
    cn_scope_end(own);
}

/* What a pass may change is the order of sums and which of two equal formulas is used: a few
 * roundings a step, which four to 140 steps let grow. 2e-4 of values around 1 is a hundredth of
 * what a wrong term gives. */
static bool close_to(const outcome *a, const outcome *b, int *where)
{
    for (int i = 0; i < a->n; i++) {
        double far = fabs((double)a->v[i] - b->v[i]);
        if (!(far <= 2e-4 * (1 + fabs((double)a->v[i])))) {
            *where = i;
            return false;
        }
    }
    return a->n == b->n;
}

static void describe(const recipe *r, char *text, size_t size)
{
    size_t at = (size_t)snprintf(
        text, size, "%d rows by %d, batch %d, %s, optimizer %d, clip %d%s:", r->rows, r->columns,
        r->batch, losses[r->loss], r->optimizer, r->clip, r->weighted ? ", weighted" : "");
    for (int i = 0; i < r->n_layers && at < size; i++) {
        at += (size_t)snprintf(text + at, size - at, " %d %s%s%s%s", r->units[i],
                               activations[r->activation[i]], r->bias[i] ? "" : " no bias",
                               r->norm[i] ? " norm" : "", r->dropout[i] ? " dropout" : "");
    }
}

static void passes_off(void **state)
{
    (void)state;
    static outcome full, other;
    static const char *const settings[] = {
        "none",  "-simplify",           "-dense",       "-elementwise", "-updates",
        "-adam", "-dense,-elementwise", "-sums,-copies"};
    char text[400];
    for (uint32_t seed = 0; seed < 220; seed++) {
        recipe r = invent(seed);
        plan_with("");
        train(&r, &full);
        for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
            /* All with no pass at all; the others in turn. */
            if (k && (seed + k) % 3) {
                continue;
            }
            plan_with(settings[k]);
            train(&r, &other);
            int where = -1;
            if (!close_to(&full, &other, &where)) {
                describe(&r, text, sizeof text);
                fail_msg("seed %u, CORNU_PLAN=%s: number %d of %d is %.8g, and %.8g by the whole "
                         "plan\n%s",
                         seed, settings[k], where, full.n, where < 0 ? 0 : (double)other.v[where],
                         where < 0 ? 0 : (double)full.v[where], text);
            }
        }
    }
}

static void same_bits(void **state)
{
    (void)state;
    static outcome one, more;
    static const int threads[] = {2, 3, 5};
    char text[400];
    for (uint32_t seed = 1000; seed < 1060; seed++) {
        recipe r = invent(seed);
        cn_set_num_threads(1);
        train(&r, &one);
        cn_set_num_threads(threads[seed % 3]);
        train(&r, &more);
        assert_int_equal(one.n, more.n);
        if (memcmp(one.v, more.v, (size_t)one.n * sizeof(float)) != 0) {
            describe(&r, text, sizeof text);
            fail_msg("seed %u: %d threads give other bits than one\n%s", seed, threads[seed % 3],
                     text);
        }
    }
}

/* Variables in two layouts
 * ---------------------------------------------------------------------------------------- */

/* Training keeps weights packed, one row is predicted from plain ones, and in between they are read
 * and written: whatever the order, the newest value counts. With no pass on there is one layout
 * only. */
static void mixed_use(outcome *o)
{
    enum { ROWS = 48, IN = 70, HIDDEN = 80, OUT = 12 };
    o->n = 0;
    cn_scope own = cn_scope_begin();
    cn_set_random_seed(4);
    cn_clear_session();
    cn_tensor *x = cn_random_normal(.shape = {ROWS, IN}, .seed = 5);
    cn_tensor *y = cn_random_uniform(.shape = {ROWS, OUT}, .seed = 6);
    cn_model *model = cn_sequential(cn_dense(HIDDEN, .activation = "relu", .input_shape = {IN}),
                                    cn_dense(HIDDEN, .activation = "tanh"),
                                    cn_dense(OUT, .activation = "sigmoid"));
    cn_model_compile(model, .optimizer = cn_optimizer_adam(.epsilon = 1e-2), .loss = "mse");
    cn_tensor *weights[6], *copies[6];
    assert_int_equal(cn_model_weights(model, weights, 6), 6);
    for (int i = 0; i < 6; i++) {
        copies[i] = cn_multiply(weights[i], 0.5);
    }
    float row[OUT];
    for (int round = 0; round < 4; round++) {
        cn_model_train_on_batch(model, x, y);
        if (round != 2) {
            assert_int_equal(cn_model_predict_into(model, cn_tensor_data(x), 1, row, sizeof row),
                             0);
            memcpy(o->v + o->n, row, sizeof row);
            o->n += OUT;
        }
        if (round == 0) {
            /* A write to a packed variable, which the next step must see. */
            assert_int_equal(cn_model_set_weights(model, 6, copies), 0);
        }
        if (round == 1) {
            /* One that reads the packed value, too. */
            cn_assign_add(weights[2], 0.01);
            keep(o, cn_sum(weights[2]));
        }
        if (round == 2) {
            /* In place, by the pointer. */
            float *data = cn_tensor_data_mutable(weights[0]);
            for (int i = 0; i < IN * HIDDEN; i++) {
                data[i] *= 0.75f;
            }
        }
        keep(o, cn_model_predict(model, x, .verbose = 0, .batch_size = 17));
        cn_model_fit(model, x, y, .verbose = 0, .batch_size = 20, .shuffle = false);
        for (int i = 0; i < 6; i++) {
            keep(o, cn_sum(cn_square(weights[i])));
        }
    }
    for (int i = 0; i < 6; i++) {
        keep(o, weights[i]);
    }
    if (cn_error()) {
        fail_msg("%s", cn_error());
    }
    cn_scope_end(own);
}

static void packed_variables(void **state)
{
    (void)state;
    static outcome full, plain;
    mixed_use(&full);
    plan_with("none");
    mixed_use(&plain);
    int where = -1;
    if (!close_to(&full, &plain, &where)) {
        fail_msg("number %d is %g, and %g without packing", where, (double)full.v[where],
                 (double)plain.v[where]);
    }
}

/* Two models hold one layer: what one trains the other predicts with. */
static void shared_layer(void **state)
{
    (void)state;
    cn_layer *layer = cn_dense(96, .activation = "relu", .input_shape = {64});
    cn_model *a = cn_sequential(layer, cn_dense(40));
    cn_model *b = cn_sequential(layer);
    cn_tensor *x = cn_random_normal(.shape = {33, 64}, .seed = 5);
    cn_tensor *y = cn_random_normal(.shape = {33, 40}, .seed = 6);
    cn_model_compile(a, .optimizer = "sgd", .loss = "mse");
    for (int round = 0; round < 3; round++) {
        assert_non_null(cn_model_fit(a, x, y, .verbose = 0));
        cn_tensor *weights[2];
        cn_model_weights(b, weights, 2);
        cn_tensor *want = cn_relu(cn_add(cn_matmul(x, weights[0]), weights[1]));
        cn_tensor *got = cn_model_predict(b, x, .verbose = 0);
        cn_tensor *one = cn_model_predict(b, cn_rows(x, 0, 1), .verbose = 0);
        double far = cn_tensor_value(cn_max(cn_abs(cn_subtract(want, got))));
        double first = cn_tensor_value(cn_max(cn_abs(cn_subtract(cn_rows(want, 0, 1), one))));
        assert_true(far <= 1e-5 && first <= 1e-5);
    }
}

/* Traces by hand
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct traced {
    cn__trace *trace;
    cn_tensor *x;
} traced;

static traced begin(void)
{
    traced t = {.trace = cn__trace_begin()};
    cn_shape three = {1, {3}};
    t.x = cn__placeholder(CN_FLOAT32, &three, "x");
    assert_int_equal(cn__trace_add_input(t.trace, t.x), 0);
    return t;
}

/* Ends the trace with this output, plans it and runs it `times` times on x = 1, 2, 3. */
static int run(traced t, cn_tensor *output, int times, float *out)
{
    if (output) {
        assert_int_equal(cn__trace_add_output(t.trace, output), 0);
    }
    cn__trace_end(t.trace);
    if (cn_error()) {
        fail_msg("tracing: %s", cn_error());
    }
    cn_shape three = {1, {3}};
    cn__program *program = cn__program_new(t.trace, -1, &three);
    if (!program) {
        fail_msg("planning: %s", cn_error());
    }
    static const float data[] = {1, 2, 3};
    cn__source source = {.data = data, .dtype = CN_FLOAT32};
    int code = 0;
    for (int i = 0; i < times; i++) {
        code = cn__program_run(program, &source, (void *[]){out});
    }
    cn__unref(program);
    cn__unref(t.trace);
    return code;
}

static void is(const cn_tensor *t, float a, float b, float c)
{
    const float *data = cn_tensor_floats(t);
    if (!(data[0] == a && data[1] == b && data[2] == c)) {
        fail_msg("expected %g %g %g, got %g %g %g", (double)a, (double)b, (double)c,
                 (double)data[0], (double)data[1], (double)data[2]);
    }
}

static void several_assignments(void **state)
{
    (void)state;
    const char *const settings[] = {"", "none"};
    for (int k = 0; k < 2; k++) {
        plan_with(settings[k]);
        cn_tensor *v = cn_variable(cn_array(1, 1, 1)), *w = cn_variable(cn_array(0, 0, 0));
        float out[3];
        traced t = begin();
        cn_assign_add(v, t.x);            /* 2 3 4 */
        cn_assign(w, v);                  /* 2 3 4 */
        cn_assign(v, cn_multiply(v, 10)); /* 20 30 40 */
        cn_assign_sub(v, w);              /* 18 27 36 */
        cn_tensor *sum = cn_add(v, w);    /* 20 30 40 */
        assert_int_equal(run(t, sum, 1, out), 0);
        is(v, 18, 27, 36);
        is(w, 2, 3, 4);
        assert_true(out[0] == 20 && out[1] == 30 && out[2] == 40);
    }
}

/* y = v x² reads v; v is assigned to; then the gradient of y: 2 v x with the value that was read.
 */
static void gradient_after_assignment(void **state)
{
    (void)state;
    const char *const settings[] = {"", "none"};
    for (int k = 0; k < 2; k++) {
        plan_with(settings[k]);
        cn_tensor *v = cn_variable(cn_array(1, 10, 100));
        float out[3];
        traced t = begin();
        cn_tensor *y = cn_multiply(v, cn_multiply(t.x, t.x)), *gradient = NULL;
        cn_assign(v, cn_multiply(v, 3));
        assert_int_equal(cn__gradients(1, &y, NULL, 1, &t.x, &gradient), 0);
        assert_int_equal(run(t, gradient, 1, out), 0);
        if (!(out[0] == 2 && out[1] == 40 && out[2] == 600)) {
            fail_msg("expected 2 40 600, got %g %g %g", (double)out[0], (double)out[1],
                     (double)out[2]);
        }
        is(v, 3, 30, 300);
    }
}

/* What data may make fail comes before what is written, also where nothing else asks for that
 * order. */
static void checks_before_writes(void **state)
{
    (void)state;
    const char *const settings[] = {"", "none"};
    for (int k = 0; k < 2; k++) {
        plan_with(settings[k]);
        cn_tensor *v = cn_variable(cn_array(1, 1, 1)), *table = cn_variable(cn_array(5, 6, 7));
        float out[3];
        traced t = begin();
        cn_assign_add(v, t.x);
        assert_int_equal(cn__check_range(t.x, 0, 2.5, "too large"), 0);
        assert_true(run(t, NULL, 1, NULL) < 0);
        assert_string_equal(cn_error(), "too large");
        cn_error_clear();
        is(v, 1, 1, 1);
        t = begin();
        cn_assign_add(v, t.x);
        cn_tensor *taken = cn_gather(table, cn_cast(t.x, CN_INT64), 0); /* 1, 2 and 3, of 3 */
        assert_true(run(t, taken, 1, out) < 0);
        assert_int_equal(cn_error_code(), CN_EINDEX);
        cn_error_clear();
        is(v, 1, 1, 1);
        /* A check of what was just assigned can only come after it; the others still come before.
         */
        t = begin();
        cn_assign_add(v, t.x);
        assert_int_equal(cn__check_range(cn_identity(v), 0, 100, "too large"), 0);
        assert_int_equal(run(t, NULL, 2, NULL), 0);
        is(v, 3, 5, 7);
    }
}

/* Two variables change places. */
static void swap(void **state)
{
    (void)state;
    const char *const settings[] = {"", "none"};
    for (int k = 0; k < 2; k++) {
        plan_with(settings[k]);
        cn_tensor *a = cn_variable(cn_array(1, 2, 3)), *b = cn_variable(cn_array(4, 5, 6));
        traced t = begin();
        cn_tensor *old = cn_identity(a);
        cn_assign(a, b);
        cn_assign(b, old);
        assert_int_equal(run(t, NULL, 3, NULL), 0);
        is(a, 4, 5, 6);
        is(b, 1, 2, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(several_assignments, setup, teardown),
        cmocka_unit_test_setup_teardown(gradient_after_assignment, setup, teardown),
        cmocka_unit_test_setup_teardown(checks_before_writes, setup, teardown),
        cmocka_unit_test_setup_teardown(swap, setup, teardown),
        cmocka_unit_test_setup_teardown(packed_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(passes_off, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
