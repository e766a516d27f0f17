/* Training steps traced into programs against the same steps done eagerly: losses, metrics,
 * optimizers with all that they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "graph/program.h"
#include "losses/loss.h"
#include "metrics/metric.h"
#include "ops/tape.h"
#include "optimizers/optimizer.h"
#include <cornu/tape.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 6, IN = 5, OUT = 3, STEPS = 5 };

static void need(bool ok, const char *what)
{
    if (!ok || cn_error()) {
        fail_msg("%s: %s", what, cn_error() ? cn_error() : "wrong");
    }
}

/* One dense layer with a softmax or nothing after it, its loss, metrics and optimizer. */
typedef struct net {
    cn_tensor *w, *b;
    cn_loss *loss;
    cn_metric *metrics[4];
    int n_metrics;
    cn_optimizer *optimizer;
    bool softmax;
} net;

static float numbers[ROWS * IN], targets[ROWS * OUT];

static void fill(void)
{
    for (int i = 0; i < ROWS * IN; i++) {
        numbers[i] = (float)sin(1.7 * i + 0.3);
    }
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < OUT; k++) {
            targets[i * OUT + k] = (i * 7 + 1) % OUT == k;
        }
    }
}

static net make(const char *json, const char *loss, bool softmax, const char *const *metrics)
{
    const cn_shape shape = {2, {-1, OUT}};
    float w[IN * OUT], b[OUT] = {0.1f, -0.2f, 0.3f};
    for (int i = 0; i < IN * OUT; i++) {
        w[i] = (float)cos(0.9 * i);
    }
    net n = {.softmax = softmax};
    n.w = cn_variable(cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){IN, OUT}, w), .name = "kernel");
    n.b = cn_variable(cn_tensor_new(CN_FLOAT32, 1, (int64_t[]){OUT}, b), .name = "bias");
    n.loss = cn_loss_get(loss);
    n.optimizer = cn_optimizer_get(json);
    need(n.loss && n.optimizer, json);
    for (; metrics && metrics[n.n_metrics]; n.n_metrics++) {
        cn_metric *metric =
            cn__metric_resolve(metrics[n.n_metrics], &shape, &shape, n.loss, cn__keras_version());
        need(metric != NULL, metrics[n.n_metrics]);
        n.metrics[n.n_metrics] = cn__into_scope(metric);
    }
    return n;
}

/* Everything of a step but the gradients. */
static cn_tensor *predict(net *n, cn_tensor *x)
{
    cn_tensor *z = cn_add(cn_matmul(x, n->w), n->b);
    return n->softmax ? cn_softmax(z, -1) : z;
}

static void finish(net *n, cn_tensor *y, cn_tensor *p, cn_tensor *const *gradients)
{
    for (int i = 0; i < n->n_metrics; i++) {
        need(cn_metric_update(n->metrics[i], y, p, NULL) == 0, cn_metric_name(n->metrics[i]));
    }
    cn_tensor *variables[] = {n->w, n->b};
    need(cn_optimizer_apply_gradients(n->optimizer, 2, gradients, variables) == 0, "apply");
}

static double eager_step(net *n)
{
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){ROWS, IN}, numbers);
    cn_tensor *y = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){ROWS, OUT}, targets);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *p = predict(n, x), *loss = cn_loss_call(n->loss, y, p, NULL);
    cn_tensor *gradients[2], *variables[] = {n->w, n->b};
    cn_gradient_args args = cn_gradient_defaults;
    need(cn_tape_gradients_with(tape, 1, &loss, 2, variables, gradients, &args) == 0, "tape");
    double value = cn_tensor_value(loss);
    finish(n, y, p, gradients);
    cn_scope_end(scope);
    return value;
}

static cn__program *trace_step(net *n, const char *what)
{
    const cn_shape in = {2, {-1, IN}}, out = {2, {-1, OUT}};
    cn_tensor *variables[] = {n->w, n->b}, *gradients[2];
    need(cn_optimizer_build(n->optimizer, 2, variables) == 0, "build");
    cn__trace *trace = cn__trace_begin();
    cn_tensor *x = cn__placeholder(CN_FLOAT32, &in, "x"),
              *y = cn__placeholder(CN_FLOAT32, &out, "y");
    cn__trace_add_input(trace, x);
    cn__trace_add_input(trace, y);
    cn_tensor *p = predict(n, x), *loss = cn_loss_call(n->loss, y, p, NULL);
    need(loss != NULL, "traced loss");
    need(cn__gradients(1, &loss, NULL, 2, variables, gradients) == 0, "traced gradients");
    cn__trace_add_output(trace, loss);
    finish(n, y, p, gradients);
    cn__trace_end(trace);
    const cn_shape shapes[] = {{2, {ROWS, IN}}, {2, {ROWS, OUT}}};
    cn__program *program = cn__program_new(trace, ROWS, shapes);
    need(program != NULL, what);
    cn__unref(trace);
    return program;
}

static void compare(const char *what, const cn_tensor *a, const cn_tensor *b)
{
    for (int64_t i = 0; i < cn_tensor_size(a); i++) {
        double x = cn_tensor_item(a, i), y = cn_tensor_item(b, i);
        /* Sums in another order, for five steps; normalising optimizers magnify what rounding
         * leaves of small gradients. */
        if (!(fabs(x - y) <= 2e-4 * fabs(y) + 2e-5)) {
            fail_msg("%s: element %d is %.8g traced, %.8g eager", what, (int)i, x, y);
        }
    }
}

static void check(const char *json, const char *loss, bool softmax, const char *const *metrics)
{
    cn_scope scope = cn_scope_begin();
    net eager = make(json, loss, softmax, metrics), traced = make(json, loss, softmax, metrics);
    const cn__source inputs[] = {{numbers, CN_FLOAT32, NULL, 0}, {targets, CN_FLOAT32, NULL, 0}};
    char what[256];
    snprintf(what, sizeof what, "%s with %s, %s …", json, loss,
             metrics ? metrics[0] : "no metrics");
    cn__program *program = trace_step(&traced, what);
    for (int step = 0; step < STEPS; step++) {
        float value;
        void *outputs[] = {&value};
        double want = eager_step(&eager);
        need(cn__program_run(program, inputs, outputs) == 0, what);
        if (!(fabs(value - want) <= 1e-4 * fabs(want) + 1e-5)) {
            fail_msg("%s: loss %g traced, %g eager, step %d", what, value, want, step);
        }
        compare(what, traced.w, eager.w);
        compare(what, traced.b, eager.b);
    }
    cn_tensor *a[32], *b[32];
    int n = cn_optimizer_variables(traced.optimizer, a, 32);
    assert_int_equal(n, cn_optimizer_variables(eager.optimizer, b, 32));
    for (int i = 0; i < n; i++) {
        compare(cn_tensor_name(a[i]), a[i], b[i]);
    }
    for (int i = 0; i < eager.n_metrics; i++) {
        compare(cn_metric_name(eager.metrics[i]), cn_metric_result(traced.metrics[i]),
                cn_metric_result(eager.metrics[i]));
    }
    cn__unref(program);
    cn_scope_end(scope);
}

static void every_optimizer(void **state)
{
    static const char *const versions[] = {"2.21", "3.15", "2.10", "2.3"};
    (void)state;
    for (size_t v = 0; v < sizeof versions / sizeof *versions; v++) {
        cn_set_keras(versions[v]);
        for (int i = 0;; i++) {
            const cn_class *class = cn__class_at(CN__OPTIMIZER, i);
            if (!class) {
                break;
            }
            /* tf.keras's Nadam itself gives other numbers where its step is compiled. */
            if (strcmp(class->name, "Nadam") != 0 || strcmp(versions[v], "2.21") != 0) {
                check(class->name, "categorical_crossentropy", true, NULL);
            }
        }
    }
    cn_set_keras("2.21");
}

#if CN__HAVE_JANSSON
static void options(void **state)
{
    static const char *const cases[] = {
        "{\"class_name\": \"SGD\", \"config\": {\"momentum\": 0.9, \"nesterov\": true, "
        "\"clipnorm\": 0.1}}",
        "{\"class_name\": \"SGD\", \"config\": {\"global_clipnorm\": 0.1, \"use_ema\": true, "
        "\"ema_overwrite_frequency\": 2}}",
        "{\"class_name\": \"RMSprop\", \"config\": {\"centered\": true, \"momentum\": 0.5, "
        "\"clipvalue\": 0.01}}",
        "{\"class_name\": \"Adam\", \"config\": {\"amsgrad\": true, \"weight_decay\": 0.1}}",
        "{\"class_name\": \"Adam\", \"config\": {\"learning_rate\": {\"class_name\": "
        "\"CosineDecay\", \"config\": "
        "{\"initial_learning_rate\": 0.1, \"decay_steps\": 4, \"warmup_target\": 0.2, "
        "\"warmup_steps\": 2}}}}",
        "{\"class_name\": \"SGD\", \"config\": {\"learning_rate\": {\"class_name\": "
        "\"PiecewiseConstantDecay\", "
        "\"config\": {\"boundaries\": [1, 3], \"values\": [0.1, 0.05, 0.01]}}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cn_set_keras("2.21");
        check(cases[i], "mse", false, NULL);
        cn_set_keras("3.15");
        check(cases[i], "mse", false, NULL);
    }
    check("{\"class_name\": \"Adam\", \"config\": {\"gradient_accumulation_steps\": 2, "
          "\"use_ema\": true}}",
          "mse", false, NULL);
    check("{\"class_name\": \"Nadam\", \"config\": {\"gradient_accumulation_steps\": 3}}", "mse",
          false, NULL);
    cn_set_keras("2.21");
}
#endif

static void losses_and_metrics(void **state)
{
    static const char *const losses[] = {"mse",
                                         "mae",
                                         "huber",
                                         "log_cosh",
                                         "hinge",
                                         "squared_hinge",
                                         "categorical_hinge",
                                         "kld",
                                         "poisson",

                                         "binary_crossentropy",
                                         "mape",
                                         "msle",
                                         "BinaryFocalCrossentropy",
                                         "CategoricalFocalCrossentropy"};
    static const char *const groups[][4] = {{"accuracy", "mse", "AUC", NULL},
                                            {"Precision", "Recall", "F1Score", NULL},
                                            {"TopKCategoricalAccuracy", "R2Score", "ce", NULL}};
    (void)state;
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        check("sgd", losses[i], true, NULL);
    }
    for (size_t i = 0; i < 3; i++) {
        check("sgd", "categorical_crossentropy", true, groups[i]);
    }
}

int main(void)
{
    fill();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer),
#if CN__HAVE_JANSSON
        cmocka_unit_test(options),
#endif
        cmocka_unit_test(losses_and_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
