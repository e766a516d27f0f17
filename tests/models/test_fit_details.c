/* Details of fit in which the generations of Keras differ, or that Keras does in its own way:
 * validation_freq as a list, validation data that run out, Nadam's products, scaled losses, logs of
 * several outputs; and arguments that fit, evaluate and predict refuse. */
#include <cornu.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static cn_scope scope;
static cn_tensor *x, *y;

static int setup(void **state)
{
    static const float inputs[] = {1, 0, 2, -1, 3, 1, 4, 2, 5, 0}, targets[] = {2, 3, 5, 8, 9};
    (void)state;
    scope = cn_scope_begin();
    cn_set_keras("2.21");
    x = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){5, 2}, inputs);
    y = cn_tensor_new(CN_FLOAT32, 2, (int64_t[]){5, 1}, targets);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cn_set_keras("2.21");
    cn_scope_end(scope);
    if (cn_error()) {
        fprintf(stderr, "%s\n", cn_error());
        return -1;
    }
    return 0;
}

/* Two layers whose weights begin as ones. */
static cn_model *net(void)
{
    return cn_sequential(cn_dense(2, .kernel_initializer = "ones", .input_shape = {2}),
                         cn_dense(1, .kernel_initializer = "ones"));
}

/* Two outputs of one layer each. */
static cn_model *two_outputs(void)
{
    cn_tensor *in = cn_input(.shape = {2}, .name = "in");
    cn_tensor *a = cn_call(cn_dense(1, .name = "a"), in),
              *b = cn_call(cn_dense(1, .name = "b"), in);
    return cn_functional(.inputs = {in}, .outputs = {a, b});
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-5 * fabs(want) + 1e-7)) {
        fail_msg("%.9g, expected %.9g: %s", got, want, cn_error() ? cn_error() : "no error");
    }
}

static void refused(const char *part)
{
    if (!cn_error() || !strstr(cn_error(), part)) {
        fail_msg("expected \"%s\", got \"%s\"", part, cn_error() ? cn_error() : "no error");
    }
    cn_error_clear();
}

static int64_t count(const cn_history *history, const char *name)
{
    int64_t n = 0;
    cn_history_get(history, name, &n);
    return n;
}

static void validation_of_listed_epochs(void **state)
{
    static const int64_t listed[] = {1, 4, 6, 9};
    (void)state;
    cn_model *model = net();
    cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
    cn_history *history = cn_model_fit(model, x, y, .verbose = 0, .epochs = 6, .initial_epoch = 1,
                                       .validation_data = {{x, y}}, .validation_epochs = listed,
                                       .n_validation_epochs = 4);
    assert_int_equal(count(history, "loss"), 5);
    assert_int_equal(count(history, "val_loss"), 2);
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .n_validation_epochs = 2));
    refused("validation_epochs");
}

/* In tf.keras the iterator of the first validation serves the later ones too. */
static void validation_that_runs_out(void **state)
{
    static const char *const versions[] = {"2.21", "3.15", "2.3"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        cn_set_keras(versions[i]);
        cn_model *model = net();
        cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
        cn_history *history = cn_model_fit(model, x, y, .verbose = 0, .epochs = 3, .batch_size = 2,
                                           .validation_data = {{x, y}}, .validation_steps = 4);
        assert_int_equal(count(history, "val_loss"), i == 0 ? 1 : 3);
        history = cn_model_fit(model, x, y, .verbose = 0, .epochs = 3, .batch_size = 2,
                               .validation_data = {{x, y}}, .validation_steps = 3);
        assert_int_equal(count(history, "val_loss"), 3);
    }
}

/* By tf_keras 2.21: three steps an epoch, four weights. The eager product of momenta would give a
 * first epoch of another loss in the third digit. */
static void nadam_multiplies_for_each_weight(void **state)
{
    static const double want[] = {9.85111141204834, 2.2417283058166504, 1.1775915622711182};
    (void)state;
    cn_model *model = net();
    cn_model_compile(model, .optimizer = cn_optimizer_nadam(.learning_rate = 0.1), .loss = "mse");
    cn_history *history =
        cn_model_fit(model, x, y, .verbose = 0, .epochs = 3, .batch_size = 2, .shuffle = false);
    for (int i = 0; history && i < 3; i++) {
        near(cn_history_get(history, "loss", NULL)[i], want[i]);
    }
    cn_tensor *weights[4];
    assert_int_equal(cn_model_weights(model, weights, 4), 4);
    near(cn_tensor_item(weights[0], 2), 0.6484810709953308);
    near(cn_tensor_item(weights[3], 0), -0.0913192629814148);
}

/* A power of two takes nothing from the digits of a gradient: scaling must change nothing. */
static void scaled_losses(void **state)
{
    cn_tensor *weights[2][4];
    (void)state;
    cn_set_keras("3.15");
    for (int i = 0; i < 2; i++) {
        cn_model *model = net();
        cn_model_compile(
            model,
            .optimizer = cn_optimizer_sgd(.learning_rate = 0.01, .loss_scale_factor = i ? 16 : NAN),
            .loss = "mse");
        cn_model_fit(model, x, y, .verbose = 0, .epochs = 2, .shuffle = false);
        cn_model_weights(model, weights[i], 4);
    }
    for (int k = 0; k < 4 && !cn_error(); k++) {
        near(cn_tensor_item(weights[1][k], 0), cn_tensor_item(weights[0][k], 0));
    }
}

/* The names that are logged, with commas between them. */
static const char *names_of(const char *version, const char *compile)
{
    static char text[512];
    cn_set_keras(version);
    cn_model *model = two_outputs();
    cn_model_compile_json(model, compile);
    cn_scores scores = cn_model_evaluate(model, x, cn_list(y, y), .verbose = 0);
    text[0] = 0;
    for (int i = 0; i < scores.n; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s", at ? "," : "", scores.names[i]);
    }
    return cn_error() ? cn_error() : text;
}

static void logs_of_outputs(void **state)
{
    (void)state;
#if CN__HAVE_JANSSON
    const char *one_loss = "{\"optimizer\": \"sgd\", \"loss\": [\"mse\", null]}";
    assert_string_equal(names_of("2.21", one_loss), "loss,a_loss");
    assert_string_equal(names_of("3.15", one_loss), "loss");
    const char *flat =
        "{\"optimizer\": \"sgd\", \"loss\": \"mse\", \"metrics\": [\"mae\", \"mse\"]}";
    assert_string_equal(names_of("2.21", flat), "loss,a_loss,b_loss,a_mae,a_mse,b_mae,b_mse");
    assert_string_equal(names_of("3.15", flat), "loss,a_loss,b_loss,a_mae,b_mse");
    const char *weighted = "{\"optimizer\": \"sgd\", \"loss\": \"mse\", \"metrics\": [[\"mae\"], "
                           "[\"mae\"]], \"weighted_metrics\": [[\"mae\"], [\"mse\"]]}";
    assert_string_equal(names_of("2.21", weighted),
                        "loss,a_loss,b_loss,a_mae,a_weighted_mae,b_mae,b_mse");
    assert_string_equal(names_of("3.15", weighted),
                        "loss,a_loss,b_loss,a_mae,b_mae,a_weighted_mae,b_mse");
    /* tf.keras writes the output's name into the config of a metric that has been used. */
    const char *used = "{\"optimizer\": \"sgd\", \"loss\": \"mse\", \"metrics\": [[], "
                       "[{\"class_name\": \"MeanSquaredError\", \"config\": {\"name\": "
                       "\"b_error\"}}]]}";
    assert_string_equal(names_of("2.21", used), "loss,a_loss,b_loss,b_error");
    assert_string_equal(names_of("3.15", used), "loss,a_loss,b_loss,b_b_error");
#else
    (void)names_of;
    skip();
#endif
}

static void refusals(void **state)
{
    (void)state;
    cn_model *model = net();
    cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
    assert_null(cn_model_fit(model, x, cn_list(y, y), .verbose = 0));
    refused("has 1 output(s), but it received 2 target tensors");
    assert_int_equal(cn_model_evaluate(model, x, cn_list(y, y), .verbose = 0).n, 0);
    refused("2 target tensors");
    assert_int_equal(cn_model_evaluate(model, x, y, .verbose = 0, .steps = 0).n, 0);
    refused("steps must be positive");
    assert_null(cn_model_predict(model, x, .verbose = 0, .steps = 0));
    refused("steps must be positive");
    assert_null(cn_model_fit(model, x, y, .verbose = 0, .validation_data = {{x, y}},
                             .validation_steps = 0));
    refused("validation_steps must be positive");
    assert_non_null(cn_model_fit(model, x, y, .verbose = 0, .steps_per_epoch = -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(validation_of_listed_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(validation_that_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(nadam_multiplies_for_each_weight, setup, teardown),
        cmocka_unit_test_setup_teardown(scaled_losses, setup, teardown),
        cmocka_unit_test_setup_teardown(logs_of_outputs, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
