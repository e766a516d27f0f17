/* Training by hand and steps of one's own: the programs and the numbers of fit. */
#include <cornu.h>
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int begin(void **state)
{
    (void)state;
    cn_error_clear();
    cn_clear_session();
    return 0;
}

static void expect_error(const char *words)
{
    const char *text = cn_error();
    if (!text || !strstr(text, words)) {
        fail_msg("expected an error with \"%s\", got %s", words, text ? text : "none");
    }
    cn_error_clear();
}

static double at(const cn_history *history, const char *name, int epoch)
{
    int64_t n = 0;
    const double *values = cn_history_get(history, name, &n);
    return values && epoch < n ? values[epoch] : NAN;
}

static void must(const char *what)
{
    if (cn_error()) {
        fail_msg("%s: %s", what, cn_error());
    }
}

/* Dumps: what CORNU_DUMP=graph writes to standard error, without names. */

static FILE *caught;
static int kept;

static void catch_begin(void)
{
    setenv("CORNU_DUMP", "graph", 1);
    fflush(stderr);
    caught = tmpfile();
    kept = dup(2);
    assert_non_null(caught);
    assert_true(kept >= 0 && dup2(fileno(caught), 2) >= 0);
}

/* The last program that was run, in text that the caller frees. */
static char *catch_end(void)
{
    unsetenv("CORNU_DUMP");
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    fseek(caught, 0, SEEK_END);
    long size = ftell(caught);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    rewind(caught);
    assert_int_equal(fread(text, 1, (size_t)size, caught), size);
    fclose(caught);
    char *last = NULL;
    for (char *at = text; (at = strstr(at, "program run:")); at++) {
        last = at;
    }
    assert_non_null(last);
    memmove(text, last, strlen(last) + 1);
    return text;
}

enum { MAX_VALUES = 4096 };

/* Takes out times and the names of variables, and numbers values in the order in which they are
 * met. */
static void normalize(char *text)
{
    static int number[MAX_VALUES];
    int met = 0;
    char *to = text;
    memset(number, 0, sizeof number);
    for (char *from = text; *from;) {
        char *after;
        if (*from == ' ' && to > text && to[-1] == ' ') {
            from++; /* what stands before a time depends on its width */
        } else if (*from == '"') {
            from = strchr(from + 1, '"') + 1;
        } else if (isdigit((unsigned char)*from) &&
                   (strtod(from, &after), !strncmp(after, " us", 3))) {
            from = after + 3;
        } else if (strchr("@#<%=", *from) && isdigit((unsigned char)from[1])) {
            long v = strtol(from + 1, &after, 10);
            assert_true(v < MAX_VALUES);
            number[v] = number[v] ? number[v] : ++met;
            char kind = *from;
            char buffer[32];
            int n = snprintf(buffer, sizeof buffer, "%c%d", kind, number[v]);
            /* A renumbered value may need more digits than the old one had: the text only ever
             * shrinks by its times. */
            assert_true(to + n <= after);
            memcpy(to, buffer, (size_t)n);
            to += n;
            from = after;
        } else {
            *to++ = *from++;
        }
    }
    *to = 0;
}

static void same_programs(char *a, char *b)
{
    normalize(a);
    normalize(b);
    for (char *p = a, *q = b; *p || *q; p = strchr(p, '\n') + 1, q = strchr(q, '\n') + 1) {
        size_t m = strcspn(p, "\n"), n = strcspn(q, "\n");
        if (m != n || strncmp(p, q, n)) {
            fail_msg("the programs differ:\n%.*s\n%.*s", (int)m, p, (int)n, q);
        }
    }
    assert_non_null(strstr(a, "stage 1"));
    free(a);
    free(b);
}

/* W1 with a batch of 128. */

typedef struct data {
    cn_tensor *x, *y;
} data;

static data make_data(int64_t rows)
{
    data d;
    d.x = cn_random_uniform(.shape = {rows, 784}, .seed = 1);
    d.y = cn_random_randint(.shape = {rows}, .minval = 0, .maxval = 10, .seed = 2);
    d.y = cn_one_hot(d.y, 10, CN_FLOAT32);
    must("data");
    return d;
}

typedef cn_layer *dense_maker(int64_t units, const char *activation);

static cn_layer *built_in(int64_t units, const char *activation)
{
    return cn_dense(units, .activation = activation);
}

/* A dense layer as a user writes it. */
typedef struct my_dense_args {
    CN_LAYER_ARGS;
    int64_t units;
    cn_identifier activation;
} my_dense_args;

static const cn_field my_dense_fields[] = {
    CN_FIELD(my_dense_args, INT64, units), CN_FIELD(my_dense_args, ACTIVATION, activation), {0}};

static int my_dense_build(cn_layer *self, const cn_shape *inputs, int n)
{
    const my_dense_args *args = cn_layer_arguments(self);
    (void)n;
    cn_layer_add_weight(self, .name = "w", .shape = {inputs->dim[inputs->rank - 1], args->units});
    cn_layer_add_weight(self, .name = "b", .shape = {args->units}, .initializer = "zeros");
    return 0;
}

static cn_tensor *my_dense_call(cn_layer *self, cn_tensor *const *in, int n,
                                const cn_call_args *call)
{
    const my_dense_args *args = cn_layer_arguments(self);
    (void)n;
    (void)call;
    cn_tensor *y = cn_add(cn_matmul(in[0], cn_layer_weight(self, 0)), cn_layer_weight(self, 1));
    return args->activation ? cn_activation_call(args->activation, y) : y;
}

static const my_dense_args my_dense_defaults = {.size = sizeof(my_dense_args), CN_LAYER_DEFAULTS};
static const cn_layer_class my_dense_class = {.base = {.size = sizeof(cn_layer_class),
                                                       .name = "MyDense",
                                                       .args_size = sizeof(my_dense_args),
                                                       .defaults = &my_dense_defaults,
                                                       .fields = my_dense_fields},
                                              .build = my_dense_build,
                                              .call = my_dense_call,
                                              .min_rank = 2};

static cn_layer *my_dense(int64_t units, const char *activation)
{
    return cn_layer_new(&my_dense_class, &(my_dense_args){.size = sizeof(my_dense_args),
                                                          CN_LAYER_DEFAULTS,
                                                          .units = units,
                                                          .activation = activation});
}

static cn_model *make_w1(dense_maker *dense)
{
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_input(.shape = {784}));
    cn_model_add(model, dense(512, "relu"));
    cn_model_add(model, dense(512, "relu"));
    cn_model_add(model, dense(10, "softmax"));
    must("model");
    return model;
}

static char *dump_of_fit(dense_maker *dense, const data *d, double *loss)
{
    cn_set_random_seed(3);
    cn_model *model = make_w1(dense);
    cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                     .metrics = {"accuracy"});
    catch_begin();
    *loss = cn_model_train_on_batch(model, d->x, d->y).values[0];
    char *text = catch_end();
    must("fit");
    return text;
}

/* A user's dense layer is planned like the library's: the same program, to the kernel. */
static void test_same_program_as_dense(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    data d = make_data(128);
    double a, b;
    char *library = dump_of_fit(built_in, &d, &a), *own = dump_of_fit(my_dense, &d, &b);
    same_programs(library, own);
    assert_true(a == b);
    cn_scope_end(scope);
}

typedef struct trainer {
    cn_model *model;
    cn_loss *loss;
    cn_optimizer *optimizer;
    cn_metric *mean, *accuracy;
} trainer;

/* A whole training step by hand. */
static int train(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    trainer *t = user;
    cn_tensor *w[16], *g[16];
    (void)n_in;
    (void)out;
    cn_tape *tape = cn_tape_begin();
    cn_tensor *p = cn_call(t->model, in[0], .training = true);
    cn_tensor *loss = cn_loss_call(t->loss, in[1], p, NULL);
    int n = cn_model_trainable_weights(t->model, w, 16);
    cn_metric_update(t->mean, loss, NULL, cn_length(in[0], 0));
    cn_tape_gradients(tape, 1, &loss, n, w, g);
    cn_optimizer_apply_gradients(t->optimizer, n, g, w);
    cn_metric_update(t->accuracy, in[1], p, NULL);
    return cn_error_code();
}

static void test_same_program_as_fit(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    data d = make_data(256);
    double loss;
    d.x = cn_rows(d.x, 0, 128);
    d.y = cn_rows(d.y, 0, 128);
    char *fit = dump_of_fit(built_in, &d, &loss);
    cn_set_random_seed(3);
    trainer t = {.model = make_w1(built_in),
                 .loss = cn_loss_categorical_crossentropy(),
                 .optimizer = cn_optimizer_adam(),
                 .mean = cn_metric_mean(.name = "loss"),
                 .accuracy = cn_metric_categorical_accuracy(.name = "accuracy")};
    cn_function *f = cn_function(train, .n_outputs = 0, .user = &t, .batched = true);
    catch_begin();
    cn_function_call(f, d.x, d.y);
    char *hand = catch_end();
    must("by hand");
    same_programs(fit, hand);
    double by_hand = cn_tensor_value(cn_metric_result(t.mean));
    if (!(by_hand == loss)) {
        fail_msg("loss by hand %.9g, fit's %.9g", by_hand, loss);
    }
    cn_scope_end(scope);
}

/* Epochs by hand, eagerly and as a function, end where fit ends. */
static void test_loop_by_hand(void **state)
{
    enum { ROWS = 100, BATCH = 32, EPOCHS = 3 };
    (void)state;
    cn_scope scope = cn_scope_begin();
    data d = make_data(ROWS);
    double loss[3] = {0}, accuracy[3] = {0};
    for (int how = 0; how < 3; how++) {
        cn_set_random_seed(3);
        cn_model *model = make_w1(my_dense);
        if (how == 2) {
            cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                             .metrics = {"accuracy"});
            cn_history *h = cn_model_fit(model, d.x, d.y, .batch_size = BATCH, .epochs = EPOCHS,
                                         .shuffle = false, .verbose = 0);
            must("fit");
            loss[how] = at(h, "loss", EPOCHS - 1);
            accuracy[how] = at(h, "accuracy", EPOCHS - 1);
            continue;
        }
        trainer t = {.model = model,
                     .loss = cn_loss_categorical_crossentropy(),
                     .optimizer = cn_optimizer_adam(),
                     .mean = cn_metric_mean(.name = "loss"),
                     .accuracy = cn_metric_categorical_accuracy(.name = "accuracy")};
        cn_function *f = cn_function(train, .n_outputs = 0, .user = &t, .batched = true,
                                     .run_eagerly = how == 0);
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
            cn_metric_reset(t.mean);
            cn_metric_reset(t.accuracy);
            for (int64_t row = 0; row < ROWS; row += BATCH) {
                cn_scope batch = cn_scope_begin();
                int64_t end = row + BATCH < ROWS ? row + BATCH : ROWS;
                cn_function_call(f, cn_rows(d.x, row, end), cn_rows(d.y, row, end));
                cn_scope_end(batch);
            }
        }
        must("loop");
        assert_int_equal(cn_function_traces(f), how ? 1 : 0);
        loss[how] = cn_tensor_value(cn_metric_result(t.mean));
        accuracy[how] = cn_tensor_value(cn_metric_result(t.accuracy));
    }
    for (int how = 0; how < 2; how++) {
        /* Twelve steps in float32; the sums of eager kernels are taken in another order. */
        if (!(fabs(loss[how] - loss[2]) <= 2e-5 * loss[2]) ||
            !(fabs(accuracy[how] - accuracy[2]) <= 0.0101)) {
            fail_msg("%s: loss %.9g, accuracy %g; fit's %.9g, %g", how ? "function" : "eager",
                     loss[how], accuracy[how], loss[2], accuracy[2]);
        }
    }
    cn_scope_end(scope);
}

/* Steps of one's own. */

/* What Keras's own train_step does, in its parts. */
static int plain_step(cn_model *model, cn_step *step, void *user)
{
    (void)model;
    ++*(int *)user;
    cn_tensor *p = cn_step_forward(step);
    cn_tensor *loss = cn_step_compute_loss(step, p);
    if (cn_step_training(step)) {
        cn_step_minimize(step, loss);
    }
    return cn_step_update_metrics(step, p);
}

static void test_own_plain_step(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    data d = make_data(100);
    double loss[2], evaluated[2], accuracy[2];
    int calls = 0;
    for (int own = 0; own < 2; own++) {
        cn_set_random_seed(3);
        cn_model *model = make_w1(built_in);
        cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                         .metrics = {"accuracy"});
        if (own) {
            cn_model_set_train_step(model, plain_step, &calls);
            cn_model_set_test_step(model, plain_step, &calls);
        }
        cn_history *h = cn_model_fit(model, d.x, d.y, .batch_size = 32, .epochs = 2, .verbose = 0,
                                     .shuffle = false, .validation_data = {d.x, d.y});
        must("fit");
        loss[own] = at(h, "loss", 1);
        evaluated[own] = at(h, "val_loss", 1);
        accuracy[own] = at(h, "val_accuracy", 1);
    }
    assert_true(loss[0] == loss[1] && evaluated[0] == evaluated[1] && accuracy[0] == accuracy[1]);
    assert_int_equal(calls, 2);
    cn_scope_end(scope);
}

typedef struct mae_step {
    cn_metric *loss, *mae;
} mae_step;

/* The custom step of Keras's guide: its own loss and metrics, no loss in compile. */
static int guide_step(cn_model *model, cn_step *step, void *user)
{
    mae_step *m = user;
    cn_tensor *w[8], *g[8], *y = cn_step_y(step, 0);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *p = cn_call(model, cn_step_x(step, 0), .training = true);
    cn_tensor *loss = cn_mean(cn_square(cn_subtract(y, p)));
    int n = cn_model_trainable_weights(model, w, 8);
    cn_tape_gradients(tape, 1, &loss, n, w, g);
    cn_optimizer_apply_gradients(cn_model_optimizer(model), n, g, w);
    cn_metric_update(m->loss, loss, NULL, NULL);
    cn_metric_update(m->mae, y, p, NULL);
    cn_step_log_metric(step, m->loss);
    cn_step_log_metric(step, m->mae);
    return cn_step_log(step, "largest", cn_max(p));
}

static void test_own_logs(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_random_uniform(.shape = {64, 4}, .seed = 5),
              *y = cn_sum(x, .axis = {-1}, .keepdims = true);
    mae_step m = {cn_metric_mean(.name = "loss"), cn_metric_mean_absolute_error(.name = "mae")};
    cn_model *model = cn_sequential(cn_dense(1, .input_shape = {4}));
    cn_model_compile(model, .optimizer = cn_optimizer_sgd(.learning_rate = 0.1));
    cn_model_set_train_step(model, guide_step, &m);
    cn_history *h = cn_model_fit(model, x, y, .epochs = 20, .verbose = 0);
    must("fit");
    assert_true(at(h, "loss", 19) < 0.2 * at(h, "loss", 0));
    assert_true(at(h, "mae", 19) < at(h, "mae", 0));
    assert_true(isfinite(at(h, "largest", 19)));
    cn_scores s = cn_model_train_on_batch(model, x, y);
    assert_int_equal(s.n, 3);
    assert_string_equal(s.names[0], "loss");
    assert_string_equal(s.names[2], "largest");
    /* Nothing says what evaluate is to compute. */
    cn_model_evaluate(model, x, y, .verbose = 0);
    assert_non_null(cn_error());
    cn_error_clear();
    cn_model_set_train_step(model, NULL, NULL);
    cn_model_train_on_batch(model, x, y);
    assert_non_null(cn_error());
    cn_error_clear();
    cn_scope_end(scope);
}

static int bad_step(cn_model *model, cn_step *step, void *user)
{
    cn_tensor *p = cn_step_forward(step);
    (void)model;
    switch (*(int *)user) {
    case 0: return -1;
    case 1: return cn_step_log(step, "p", p);
    case 2: cn_step_log(step, "p", cn_mean(p)); return cn_step_log(step, "p", cn_mean(p));
    case 3: return cn_step_minimize(step, NULL);
    default: return cn_step_compute_loss(step, cn_list(p, p)) ? 0 : cn_error_code();
    }
}

static void test_own_errors(void **state)
{
    static const char *const words[] = {
        "its train step failed with code -1", "\"p\" must be a scalar, got shape",
        "\"p\" is logged twice", "cn_step_minimize", "expected 1 to 1 outputs"};
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_ones(4, 2), *y = cn_ones(4, 1);
    for (int how = 0; how < 5; how++) {
        cn_model *model = cn_sequential(cn_dense(1));
        cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
        cn_model_set_train_step(model, bad_step, &how);
        cn_model_train_on_batch(model, x, y);
        expect_error(words[how]);
        /* The model is as good as before. */
        cn_model_set_train_step(model, NULL, NULL);
        cn_model_train_on_batch(model, x, y);
        must("afterwards");
    }
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_program_as_dense, begin),
        cmocka_unit_test_setup(test_same_program_as_fit, begin),
        cmocka_unit_test_setup(test_loop_by_hand, begin),
        cmocka_unit_test_setup(test_own_plain_step, begin),
        cmocka_unit_test_setup(test_own_logs, begin),
        cmocka_unit_test_setup(test_own_errors, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
