/* Models and threads: concurrent predicts, training beside them, bits; ctest-labels: threads */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/training.h"
#include <cornu.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { THREADS = 4, ROWS = 96, COLUMNS = 20, CLASSES = 5 };

static cn_scope scope;
static cn_tensor *x, *y;

static int setup(void **state)
{
    (void)state;
    cn_set_random_seed(11);
    cn_clear_session();
    scope = cn_scope_begin();
    x = cn_random_normal(.shape = {ROWS, COLUMNS}, .seed = 1);
    cn_tensor *labels = cn_tensor_new(CN_INT64, 1, (const int64_t[]){ROWS}, NULL);
    for (int64_t i = 0; labels && i < ROWS; i++) {
        ((int64_t *)cn_tensor_data_mutable(labels))[i] = i * 7 % CLASSES;
    }
    y = cn_to_categorical(labels, .num_classes = CLASSES);
    return x && y ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cn_error_clear();
    cn_set_num_threads(0);
    cn_scope_end(scope);
    return 0;
}

static cn_model *dense_net(void)
{
    return cn_sequential(cn_dense(300, .activation = "relu", .input_shape = {COLUMNS}),
                         cn_dense(160, .activation = "tanh"),
                         cn_dense(CLASSES, .activation = "softmax"));
}

static cn_model *norm_net(void)
{
    return cn_sequential(cn_dense(300, .use_bias = false, .input_shape = {COLUMNS}),
                         cn_batch_normalization(), cn_activation_layer("relu"),
                         cn_dense(CLASSES, .activation = "softmax"));
}

static cn_model *dropout_net(void)
{
    return cn_sequential(cn_dense(300, .activation = "relu", .input_shape = {COLUMNS}),
                         cn_dropout(0.4), cn_dense(160, .activation = "sigmoid"), cn_dropout(0.2),
                         cn_dense(CLASSES, .activation = "softmax"));
}

/* 96 rows of 20 numbers are eight pictures of 4 by 5 points a row of pixels: (96, 5, 4, 1). */
static cn_model *conv_net(void)
{
    return cn_sequential(cn_reshape_layer(.target_shape = {5, 4, 1}, .input_shape = {COLUMNS}),
                         cn_conv2d(24, .kernel_size = {3}, .padding = "same", .activation = "relu"),
                         cn_max_pooling2d(.pool_size = {2}), cn_flatten(), cn_dropout(0.1),
                         cn_dense(CLASSES, .activation = "softmax"));
}

static cn_model *compile(cn_model *model)
{
    cn_model_compile(model, .optimizer = "adam", .loss = "categorical_crossentropy",
                     .metrics = {"accuracy"});
    return model;
}

/* Concurrent predicts
 * -----------------------------------------------------------------------------------------------------
 */

/* What one thread gets for `rows` rows from row `at` on; a row's bits may depend on how many rows
 * are predicted together, since sums over the inputs are made in another order then. */
static float expected[8][ROWS][7 * CLASSES];

static void expect(cn_model *twin)
{
    for (int64_t rows = 1; rows <= 7; rows++) {
        for (int64_t at = 0; at + rows <= ROWS; at++) {
            assert_int_equal(cn_model_predict_into(twin, cn_tensor_floats(x) + at * COLUMNS, rows,
                                                   expected[rows][at], sizeof expected[rows][at]),
                             0);
        }
    }
}

typedef struct job {
    cn_model *model;
    const float *rows, *want; /* (96, 20) and (96, 5) */
    int64_t first;
    int rounds, failures, errors;
    char message[256];
} job;

static void note_error(job *j)
{
    j->errors++;
    if (cn_error()) {
        strncpy(j->message, cn_error(), sizeof j->message - 1);
    }
    cn_error_clear();
}

static void *predict_into(void *argument)
{
    job *j = argument;
    for (int round = 0; round < j->rounds; round++) {
        int64_t rows = 1 + (round + j->first) % 7, at = (j->first * 13 + round) % (ROWS - 7);
        float out[7 * CLASSES];
        if (cn_model_predict_into(j->model, j->rows + at * COLUMNS, rows, out, sizeof out) < 0) {
            note_error(j);
        } else if (memcmp(out, expected[rows][at], (size_t)(rows * CLASSES) * 4) != 0) {
            j->failures++;
        }
    }
    return NULL;
}

static void *predict(void *argument)
{
    job *j = argument;
    for (int round = 0; round < j->rounds; round++) {
        cn_scope own = cn_scope_begin();
        int64_t rows = 5 + (round + j->first) % 60;
        cn_tensor *part = cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){rows, COLUMNS}, j->rows);
        cn_tensor *out =
            cn_model_predict(j->model, part, .verbose = 0, .batch_size = 8 + round % 3 * 8);
        const float *data = out ? cn_tensor_floats(out) : NULL;
        if (!data) {
            note_error(j);
        }
        for (int64_t i = 0; data && i < rows * CLASSES; i++) {
            j->failures += !(fabsf(data[i] - j->want[i]) <= 2e-6f);
        }
        cn_scope_end(own);
    }
    return NULL;
}

static void run_jobs(cn_model *model, const float *want, int rounds, bool mixed)
{
    pthread_t threads[THREADS];
    job jobs[THREADS];
    for (int t = 0; t < THREADS; t++) {
        jobs[t] = (job){.model = model,
                        .rows = cn_tensor_floats(x),
                        .want = want,
                        .first = t,
                        .rounds = rounds};
        assert_int_equal(
            pthread_create(&threads[t], NULL, mixed && t % 2 ? predict : predict_into, &jobs[t]),
            0);
    }
    for (int t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
    }
    for (int t = 0; t < THREADS; t++) {
        if (jobs[t].errors || jobs[t].failures) {
            fail_msg("thread %d: %d errors (%s), %d wrong results", t, jobs[t].errors,
                     jobs[t].message, jobs[t].failures);
        }
    }
}

static void concurrent(cn_model *(*net)(void))
{
    cn_set_num_threads(2);
    cn_model *model = compile(net());
    /* After training, weights lie in the layout of the training step: the first predict brings them
     * back. */
    assert_non_null(cn_model_fit(model, x, y, .verbose = 0, .epochs = 2));
    cn_model *twin = net();
    cn_tensor *weights[32];
    int n = cn_model_weights(model, weights, 32);
    cn_tensor *copies[32];
    for (int i = 0; i < n; i++) {
        copies[i] = cn_identity(weights[i]);
    }
    assert_int_equal(cn_model_set_weights(twin, n, copies), 0);
    float want[ROWS * CLASSES];
    assert_int_equal(cn_model_predict_into(twin, cn_tensor_floats(x), ROWS, want, sizeof want), 0);
    expect(twin);
    cn_model_fit(model, x, y, .verbose = 0, .epochs = 1);
    assert_int_equal(cn_model_set_weights(model, n, copies), 0);
    run_jobs(model, want, 40, true);
    run_jobs(model, want, 200, false);
    assert_null(cn_error());
}

static void concurrent_dense(void **state)
{
    (void)state;
    concurrent(dense_net);
}

static void concurrent_norm(void **state)
{
    (void)state;
    concurrent(norm_net);
}

/* The first predict of all makes the plan and the weights' layout: four threads come at once. */
static void concurrent_from_the_start(void **state)
{
    (void)state;
    float want[ROWS * CLASSES];
    cn_set_num_threads(2);
    for (int again = 0; again < 5; again++) {
        cn_set_random_seed(5);
        cn_model *first = dense_net(), *second;
        assert_int_equal(cn_model_predict_into(first, cn_tensor_floats(x), ROWS, want, sizeof want),
                         0);
        expect(first);
        cn_set_random_seed(5);
        second = dense_net();
        run_jobs(second, want, 5, true);
    }
}

/* Right after training the canonical weights are stale; the threads that come first bring them up
 * to date. */
static void concurrent_after_training(void **state)
{
    (void)state;
    cn_set_num_threads(2);
    float want[ROWS * CLASSES];
    cn_model *models[2];
    for (int i = 0; i < 2; i++) {
        cn_set_random_seed(5);
        models[i] = compile(dense_net());
        assert_non_null(cn_model_fit(models[i], x, y, .verbose = 0, .epochs = 2));
    }
    assert_int_equal(cn_model_predict_into(models[0], cn_tensor_floats(x), ROWS, want, sizeof want),
                     0);
    expect(models[0]);
    run_jobs(models[1], want, 20, true);
}

/* Training beside other uses
 * ------------------------------------------------------------------------------------------------
 */

typedef struct meeting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside; /* 1: the other thread is inside its call; 2: it may go on */
    cn_model *model;
    int code;
    char words[512];
} meeting;

static void reach(meeting *m, int step)
{
    pthread_mutex_lock(&m->lock);
    m->inside = step;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static void await(meeting *m, int step)
{
    pthread_mutex_lock(&m->lock);
    while (m->inside < step) {
        pthread_cond_wait(&m->changed, &m->lock);
    }
    pthread_mutex_unlock(&m->lock);
}

static void hold_on(cn_logs *logs, void *user)
{
    (void)logs;
    if (((meeting *)user)->inside == 0) {
        reach(user, 1);
        await(user, 2);
    }
}

static void finish(meeting *m)
{
    m->code = cn_error_code();
    strncpy(m->words, cn_error() ? cn_error() : "", sizeof m->words - 1);
    cn_error_clear();
}

static void *fits(void *argument)
{
    meeting *m = argument;
    cn_model_fit(m->model, x, y, .verbose = 0, .epochs = 2,
                 .callbacks = {{cn_callback_lambda(.on_train_begin = hold_on, .user = m)}});
    finish(m);
    return NULL;
}

static void *predicts(void *argument)
{
    meeting *m = argument;
    cn_model_predict(m->model, x, .verbose = 0,
                     .callbacks = {{cn_callback_lambda(.on_predict_begin = hold_on, .user = m)}});
    finish(m);
    return NULL;
}

static void *evaluates(void *argument)
{
    meeting *m = argument;
    cn_model_evaluate(m->model, x, y, .verbose = 0,
                      .callbacks = {{cn_callback_lambda(.on_test_begin = hold_on, .user = m)}});
    finish(m);
    return NULL;
}

static void refused(const char *by)
{
    if (!cn_error() || !strstr(cn_error(), "is in use by `") || !strstr(cn_error(), by)) {
        fail_msg("expected to be refused because of %s, got %s", by,
                 cn_error() ? cn_error() : "none");
    }
    assert_int_equal(cn_error_code(), CN_ESTATE);
    cn_error_clear();
}

static void meet(cn_model *model, void *(*other)(void *), void (*meanwhile)(cn_model *))
{
    meeting m = {.model = model};
    pthread_t thread;
    pthread_mutex_init(&m.lock, NULL);
    pthread_cond_init(&m.changed, NULL);
    assert_int_equal(pthread_create(&thread, NULL, other, &m), 0);
    await(&m, 1);
    meanwhile(model);
    reach(&m, 2);
    pthread_join(thread, NULL);
    if (m.code) {
        fail_msg("the other thread: %s", m.words);
    }
    pthread_cond_destroy(&m.changed);
    pthread_mutex_destroy(&m.lock);
}

static void beside_fit(cn_model *model)
{
    float out[CLASSES];
    assert_null(cn_model_predict(model, x, .verbose = 0));
    refused("fit");
    assert_null(cn_model_predict_on_batch(model, x));
    refused("fit");
    assert_true(cn_model_predict_into(model, cn_tensor_floats(x), 1, out, sizeof out) < 0);
    refused("fit");
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    refused("fit");
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0).n, 0);
    refused("fit");
    assert_int_equal(cn_model_train_on_batch(model, x, y).n, 0);
    refused("fit");
}

static void beside_predict(cn_model *model)
{
    float out[CLASSES];
    assert_int_equal(cn_model_predict_into(model, cn_tensor_floats(x), 1, out, sizeof out), 0);
    assert_non_null(cn_model_predict(model, x, .verbose = 0));
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0).n, 2);
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    refused("predict");
    assert_int_equal(cn_model_train_on_batch(model, x, y).n, 0);
    refused("predict");
}

static void beside_evaluate(cn_model *model)
{
    assert_non_null(cn_model_predict(model, x, .verbose = 0));
    assert_null(cn_model_fit(model, x, y, .verbose = 0));
    refused("evaluate");
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0).n, 0);
    refused("evaluate");
}

static void training_wants_the_model_for_itself(void **state)
{
    (void)state;
    cn_model *model = compile(dense_net());
    meet(model, fits, beside_fit);
    meet(model, predicts, beside_predict);
    meet(model, evaluates, beside_evaluate);
    assert_non_null(cn_model_fit(model, x, y, .verbose = 0));
    assert_non_null(cn_model_predict(model, x, .verbose = 0));
}

/* Two threads train two models. */
static void *trains(void *argument)
{
    meeting *m = argument;
    cn_scope own = cn_scope_begin();
    cn_model_fit(m->model, x, y, .verbose = 0, .epochs = 3, .shuffle = false);
    finish(m);
    cn_scope_end(own);
    return NULL;
}

static void two_models_train(void **state)
{
    (void)state;
    cn_set_num_threads(2);
    meeting m[2] = {0};
    pthread_t threads[2];
    cn_tensor *weights[2][16];
    int n = 0;
    for (int i = 0; i < 2; i++) {
        cn_set_random_seed(3);
        m[i].model = compile(dense_net());
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, trains, &m[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(m[i].words, "");
        n = cn_model_weights(m[i].model, weights[i], 16);
    }
    for (int i = 0; i < n; i++) {
        assert_memory_equal(cn_tensor_data(weights[0][i]), cn_tensor_data(weights[1][i]),
                            (size_t)cn_tensor_size(weights[0][i]) * 4);
    }
}

/* The same bits for any number of threads
 * ------------------------------------------------------------------------------------- */

enum { MANY = 1000, STEPS = 100 };

/* Weights, metrics and predictions after 100 steps, one after the other. */
static size_t train(cn_model *(*net)(void), int threads, char *out, size_t room)
{
    cn_set_num_threads(threads);
    cn_set_random_seed(9);
    cn_clear_session();
    cn_scope own = cn_scope_begin();
    cn_tensor *data = cn_random_normal(.shape = {MANY, COLUMNS}, .seed = 21);
    cn_tensor *labels = cn_argmax(cn_slice(data, 1, 0, CLASSES, 1), 1);
    cn_tensor *targets = cn_to_categorical(labels, .num_classes = CLASSES);
    cn_model *model = compile(net());
    /* Ten batches of 100 rows, ten epochs; the last batch of the validation is short. */
    cn_history *history =
        cn_model_fit(model, data, targets, .verbose = 0, .batch_size = 100, .epochs = STEPS / 10,
                     .validation_data = {{cn_rows(data, 0, 130), cn_rows(targets, 0, 130)}});
    if (!history) {
        fail_msg("%s", cn_error());
    }
    /* Steps that are worth less are run by one thread, whatever is set. */
    assert_true(model->programs[CN__TRAIN].programs[0]->cost > 60000);
    size_t used = 0;
    for (int i = 0; i < cn_history_count(history); i++) {
        int64_t n;
        const double *values = cn_history_get(history, cn_history_name_at(history, i), &n);
        assert_true(used + (size_t)n * 8 <= room);
        memcpy(out + used, values, (size_t)n * 8);
        used += (size_t)n * 8;
    }
    cn_tensor *list[33];
    int n = cn_model_weights(model, list, 32);
    list[n++] = cn_model_predict(model, data, .verbose = 0, .batch_size = 100);
    for (int i = 0; i < n; i++) {
        size_t bytes = (size_t)cn_tensor_size(list[i]) * 4;
        assert_true(used + bytes <= room);
        memcpy(out + used, cn_tensor_data(list[i]), bytes);
        used += bytes;
    }
    cn_scope_end(own);
    return used;
}

static void same_bits(cn_model *(*net)(void))
{
    static char first[1200000], other[1200000];
    static const int threads[] = {2, 3, 5, 1};
    size_t size = train(net, 1, first, sizeof first);
    assert_true(size > 20000);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        assert_int_equal(train(net, threads[i], other, sizeof other), size);
        if (memcmp(first, other, size) != 0) {
            fail_msg("%d threads give other bits than one", threads[i]);
        }
    }
}

static void same_bits_dense(void **state)
{
    (void)state;
    same_bits(dense_net);
}

static void same_bits_norm(void **state)
{
    (void)state;
    same_bits(norm_net);
}

static void same_bits_dropout(void **state)
{
    (void)state;
    same_bits(dropout_net);
}

static void same_bits_conv(void **state)
{
    (void)state;
    same_bits(conv_net);
}

/* Whatever the batch size, a row's prediction is the same to rounding: sums over inputs may be made
 * in another order. */
static void batch_sizes(void **state)
{
    (void)state;
    cn_model *(*const nets[])(void) = {dense_net, norm_net, dropout_net, conv_net};
    for (size_t k = 0; k < sizeof nets / sizeof *nets; k++) {
        cn_model *model = compile(nets[k]());
        assert_non_null(cn_model_fit(model, x, y, .verbose = 0));
        cn_tensor *whole = cn_model_predict(model, x, .verbose = 0, .batch_size = ROWS);
        static const int64_t sizes[] = {1, 2, 7, 16, 32, 95};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            cn_tensor *parts = cn_model_predict(model, x, .verbose = 0, .batch_size = sizes[i]);
            double far = cn_tensor_value(cn_max(cn_abs(cn_subtract(whole, parts))));
            if (!(far <= 2e-6)) {
                fail_msg("net %zu in batches of %d: predictions differ by %g", k, (int)sizes[i],
                         far);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(concurrent_dense, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_norm, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_from_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_after_training, setup, teardown),
        cmocka_unit_test_setup_teardown(training_wants_the_model_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(two_models_train, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits_dense, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits_norm, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits_dropout, setup, teardown),
        cmocka_unit_test_setup_teardown(same_bits_conv, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_sizes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
