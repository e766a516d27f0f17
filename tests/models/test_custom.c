/* Layers and models of one's own: state, nesting, losses, metrics, flags, files, and what users do
 * wrong. */
#include <cornu.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
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

static void must(const char *what)
{
    if (cn_error()) {
        fail_msg("%s: %s", what, cn_error());
    }
}

static void check_number(const cn_tensor *t, int64_t at, double want)
{
    must("a value");
    double got = cn_tensor_item(t, at);
    if (!(fabs(got - want) <= 1e-6 * (1 + fabs(want)))) {
        fail_msg("element %lld is %.9g, expected %.9g", (long long)at, got, want);
    }
}

/* What all classes of this file are made with. */
typedef struct own_args {
    CN_LAYER_ARGS;
    int64_t units;
    double rate;
    cn_layer *inner;
} own_args;
static const own_args own_defaults = {
    .size = sizeof(own_args), CN_LAYER_DEFAULTS, .units = 2, .rate = 0.5};
static const cn_field own_fields[] = {CN_FIELD(own_args, INT64, units),
                                      CN_FIELD(own_args, DOUBLE, rate),
                                      CN_FIELD(own_args, LAYER, inner),
                                      {0}};
#define OWN_CLASS(word, keras_name, ...)                                                           \
    static const cn_layer_class word = {.base = {.size = sizeof(cn_layer_class),                   \
                                                 .name = keras_name,                               \
                                                 .args_size = sizeof(own_args),                    \
                                                 .defaults = &own_defaults,                        \
                                                 .fields = own_fields},                            \
                                        __VA_ARGS__}

static cn_tensor *pass(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    (void)self;
    (void)n;
    (void)args;
    return in[0];
}

/* A layer with a regularized weight, a loss of its activity and a metric. */
static int scale_build(cn_layer *self, const cn_shape *in, int n)
{
    (void)n;
    cn_layer_add_weight(self, .name = "scale", .shape = {in->dim[in->rank - 1]},
                        .initializer = "ones", .regularizer = cn_regularizer_l2(.l2 = 0.1));
    cn_layer_add_weight(self, .name = "seen", .shape = {0}, .initializer = "zeros",
                        .trainable = false);
    return 0;
}

static cn_tensor *scale_call(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    const own_args *own = cn_layer_arguments(self);
    (void)n;
    cn_tensor *y = cn_multiply(in[0], cn_layer_weight_named(self, "scale"));
    cn_layer_add_loss(self, cn_multiply(cn_mean(cn_square(y)), own->rate));
    cn_layer_add_metric(self, cn_mean(y), "mean_activation");
    if (args->training) {
        cn_assign_add(cn_layer_weight_named(self, "seen"), cn_length(in[0], 0));
    }
    return y;
}

OWN_CLASS(scale, "Scale", .build = scale_build, .call = scale_call);

static void test_losses_metrics_state(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *losses[8], *x = cn_full(2, (int64_t[]){6, 2}, 2, CN_FLOAT32), *y = cn_zeros(6, 2);
    cn_layer *layer = cn_layer_new(&scale, &own_defaults);
    cn_call(layer, x);
    assert_int_equal(cn_layer_losses(layer, losses, 8), 2);
    check_number(losses[0], 0, 2);
    check_number(losses[1], 0, 0.2);
    cn_call(layer, x);
    assert_int_equal(cn_layer_losses(layer, losses, 8), 2);
    cn_model *model = cn_sequential(cn_layer_new(&scale, &own_defaults), .name = "net");
    cn_model_compile(model, .optimizer = cn_optimizer_sgd(.learning_rate = 0.0), .loss = "mse");
    cn_history *h = cn_model_fit(model, x, y, .batch_size = 4, .epochs = 2, .verbose = 0,
                                 .validation_data = {x, y});
    must("fit");
    int64_t n = 0;
    /* mse 4, activity 0.5 · 4, l2 0.1 · 2 */
    assert_true(fabs(cn_history_get(h, "loss", &n)[0] - 6.2) < 1e-5);
    assert_true(fabs(cn_history_get(h, "mean_activation", &n)[1] - 2) < 1e-6);
    assert_true(fabs(cn_history_get(h, "val_mean_activation", &n)[1] - 2) < 1e-6);
    check_number(cn_layer_weight_named(cn_model_layer(model, 0), "seen"), 0, 12);
    cn_scores s = cn_model_evaluate(model, x, y, .verbose = 0);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.names[1], "mean_activation");
    check_number(cn_model_predict(model, x, .verbose = 0), 0, 2);
    check_number(cn_layer_weight_named(cn_model_layer(model, 0), "seen"), 0, 12);
    cn_layer_add_loss(layer, cn_sum(cn_input(.shape = {2})));
    expect_error("a loss of symbolic tensors can be added in a layer's call only");
    cn_layer_add_metric(layer, x, NULL);
    expect_error("Please provide a name for your metric");
    cn_scope_end(scope);
}

/* Nested layers: a field of type LAYER, and one that init makes and tracks. */
typedef struct block_state {
    cn_layer *own;
} block_state;

static int ended;

static int block_init(cn_layer *self)
{
    const own_args *args = cn_layer_arguments(self);
    block_state *s = cn_layer_state(self);
    s->own = cn_dense(args->units, .use_bias = false, .name = "own");
    return cn_layer_track(self, s->own);
}

static void block_destroy(void *state)
{
    (void)state;
    ended++;
}

static cn_tensor *block_call(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    const own_args *own = cn_layer_arguments(self);
    const block_state *s = cn_layer_state(self);
    const bool *skip = args->args;
    (void)n;
    cn_tensor *h = own->inner ? cn_call(own->inner, in[0]) : in[0];
    return skip && *skip ? h : cn_call(s->own, h);
}

OWN_CLASS(block, "Block", .call = block_call, .init = block_init, .destroy = block_destroy,
          .state_bytes = sizeof(block_state));

static void test_nested(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *w[8];
    own_args args = own_defaults;
    ended = 0;
    args.inner = cn_dense(3, .name = "inner");
    cn_layer *layer = cn_layer_new(&block, &args);
    assert_int_equal(cn_layer_weights(layer, w, 8), 0);
    cn_tensor *x = cn_ones(1, 4);
    assert_int_equal(cn_tensor_dim(cn_call(layer, x), -1), 2);
    assert_int_equal(cn_tensor_dim(cn_call(layer, x, .args = &(bool){true}), -1), 3);
    assert_int_equal(cn_layer_weights(layer, w, 8), 3);
    assert_int_equal(cn_layer_count_params(layer), 4 * 3 + 3 + 3 * 2);
    /* trainable = false reaches what is inside. */
    cn_layer_set_trainable(layer, false);
    assert_int_equal(cn_layer_trainable_weights(layer, w, 8), 0);
    assert_int_equal(cn_layer_non_trainable_weights(layer, w, 8), 3);
    cn_layer_set_trainable(layer, true);
    cn_layer_set_trainable(args.inner, false);
    assert_int_equal(cn_layer_trainable_weights(layer, w, 8), 1);
    assert_int_equal(cn_layer_non_trainable_weights(layer, w, 8), 2);
    assert_int_equal(cn_layer_weights(layer, w, 8), 3);
    /* Nothing gave the output's shape: it is found by a call. */
    cn_shape in = cn_shape_of(-1, 4), out;
    cn_layer_compute_output_shape(layer, &in, 1, &out);
    must("compute_output_shape");
    assert_true(out.rank == 2 && out.dim[0] == -1 && out.dim[1] == 2);
    cn_scope_end(scope);
    assert_int_equal(ended, 1);
}

static void test_frozen_training(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    own_args args = own_defaults;
    args.inner = cn_dense(3, .trainable = false);
    cn_layer *layer = cn_layer_new(&block, &args);
    cn_model *model = cn_sequential(layer);
    cn_tensor *x = cn_random_normal(.shape = {8, 4}, .seed = 1), *y = cn_zeros(8, 2);
    cn_call(model, x);
    cn_tensor *frozen = cn_identity(cn_layer_weight(args.inner, 0));
    cn_tensor *w[4];
    assert_int_equal(cn_model_trainable_weights(model, w, 4), 1);
    cn_tensor *trained = cn_identity(w[0]);
    cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
    cn_model_fit(model, x, y, .verbose = 0);
    must("fit");
    assert_memory_equal(cn_tensor_data(frozen), cn_tensor_data(cn_layer_weight(args.inner, 0)),
                        12 * sizeof(float));
    assert_memory_not_equal(cn_tensor_data(trained), cn_tensor_data(w[0]), 6 * sizeof(float));
    cn_scope_end(scope);
}

static void test_files(void **state)
{
#if !CN__HAVE_JANSSON
    skip(); /* a minimal library reads and writes no such files */
#endif
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_register_layer(&scale, "Custom");
    own_args args = own_defaults;
    args.rate = 0.25;
    cn_layer *layer = cn_layer_new(&scale, &args);
    cn_model *model = cn_sequential(cn_input(.shape = {2}), layer);
    must("model");
    const char *json = cn_model_to_json(model);
    assert_non_null(json);
    assert_non_null(strstr(json, "Custom>Scale"));
    cn_model *again = cn_model_from_json(json);
    must("from JSON");
    assert_string_equal(cn_layer_class_name(cn_model_layer(again, -1)), "Scale");
    const own_args *read = cn_layer_arguments(cn_model_layer(again, -1));
    assert_true(read->rate == 0.25 && read->units == 2);
    check_number(cn_model_predict(again, cn_ones(3, 2), .verbose = 0), 5, 1);
    assert_string_equal(cn_model_to_json(again), json);
    cn_scope_end(scope);
}

/* A model of one's own trains like the same layers in a row. */
static void test_model(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_random_normal(.shape = {20, 4}, .seed = 1),
              *y = cn_random_normal(.shape = {20, 2}, .seed = 2);
    double loss[2];
    for (int own = 0; own < 2; own++) {
        cn_set_random_seed(9);
        own_args args = own_defaults;
        cn_layer *first = cn_dense(3, .activation = "relu");
        args.inner = first;
        cn_model *model = own ? cn_model_new(&block, &args)
                              : cn_sequential(first, cn_dense(2, .use_bias = false));
        assert_false(cn_model_built(model) && own);
        cn_model_compile(model, .optimizer = "adam", .loss = "mse", .metrics = {"mae"});
        cn_history *h =
            cn_model_fit(model, x, y, .epochs = 3, .batch_size = 8, .verbose = 0, .shuffle = false);
        must("fit");
        int64_t n = 0;
        loss[own] = cn_history_get(h, "loss", &n)[2];
        assert_int_equal(cn_model_n_layers(model), 2);
        assert_int_equal(cn_model_count_params(model), 4 * 3 + 3 + 3 * 2);
        assert_int_equal(cn_tensor_dim(cn_model_predict(model, x, .verbose = 0), 0), 20);
    }
    assert_true(loss[0] == loss[1]);
    cn_scope_end(scope);
}

static int pairs_build(cn_layer *self, const cn_shape *in, int n)
{
    (void)n;
    cn_layer_add_weight(self, .name = "w", .shape = {in[0].dim[1], 2});
    return cn_error_code();
}

static const cn_field pairs_fields[] = {
    CN_FIELD(own_args, INT64, units), CN_FIELD(own_args, DOUBLE, rate), {0}};
static const cn_layer_class pairs = {.base = {.size = sizeof(cn_layer_class),
                                              .name = "Pairs",
                                              .args_size = sizeof(own_args),
                                              .defaults = &own_defaults,
                                              .fields = pairs_fields},
                                     .call = pass,
                                     .build = pairs_build};

/* A model of one's own is written by its class and arguments, as Keras writes it, and restored from
 * them once its class is registered. */
static void test_model_files(void **state)
{
#if !CN__HAVE_JANSSON
    skip();
#endif
    (void)state;
    static cn_layer_class known;
    cn_scope scope = cn_scope_begin();
    static cn_layer_class loose;
    known = loose = pairs;
    known.base.name = "Known";
    loose.base.name = "Loose";
    cn_register_layer(&known, "pack");
    own_args args = own_defaults;
    args.rate = 0.25;
    assert_string_equal(cn_model_to_json(cn_model_new(&loose, &args)),
                        "{\"class_name\": \"Loose\", \"config\": {\"units\": 2, \"rate\": 0.25}, "
                        "\"keras_version\": \"2.21.0\", \"backend\": \"tensorflow\"}");
    cn_set_keras("3.15");
    cn_model *model = cn_model_new(&known, &args);
    cn_shape shape = cn_shape_of(-1, 2);
    cn_model_build(model, &shape);
    const char *json = cn_model_to_json(model);
    assert_string_equal(
        json,
        "{\"module\": null, \"class_name\": \"Known\", \"config\": {\"name\": \"known\", "
        "\"trainable\": true, \"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", "
        "\"config\": {\"name\": \"float32\"}, \"registered_name\": null}, \"units\": 2, \"rate\": "
        "0.25}, \"registered_name\": \"pack>Known\", \"build_config\": {\"input_shape\": [null, "
        "2]}, "
        "\"compile_config\": {}}");
    cn_model *again = cn_model_from_json(json);
    must("a model of one's own from JSON");
    assert_true(cn_model_built(again));
    assert_string_equal(cn_model_to_json(again), json);
    assert_int_equal(cn_model_count_params(again), cn_model_count_params(model));
    cn_set_keras("2.21");
    json = cn_model_to_json(cn_model_new(&loose, &args));
    assert_null(cn_model_from_json(json));
    cn_error_clear();
    cn_scope_end(scope);
}

static void test_unbuilt(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *w[4];
    cn_model *model = cn_sequential(cn_dense(3));
    assert_true(cn_model_weights(model, w, 4) < 0);
    expect_error("Weights for model 'sequential' have not yet been created. Weights are created "
                 "when the model is first called on inputs or `build()` is called with an "
                 "`input_shape`.");
    cn_layer *layer = cn_dense(2);
    assert_true(cn_layer_count_params(layer) < 0);
    expect_error(
        "You tried to call `count_params` on layer dense_1, but the layer isn't built. You "
        "can build it manually via: `dense_1.build(batch_input_shape)`.");
    assert_null(cn_model_output(model, 0));
    expect_error("has no defined outputs yet");
    assert_null(cn_model_predict(cn_model_new(&block, NULL), NULL));
    assert_non_null(cn_error());
    cn_error_clear();
    cn_shape shape = cn_shape_of(-1, 5);
    cn_model_build(model, &shape);
    assert_int_equal(cn_model_weights(model, w, 4), 2);
    cn_scope_end(scope);
}

/* What users do wrong: one clear error each, and the next call works. */

static int wrong;

static int wrong_build(cn_layer *self, const cn_shape *in, int n)
{
    (void)n;
    switch (wrong) {
    case 0: return -5;
    case 1:
        cn_layer_add_weight(self, .name = "w", .shape = {2});
        cn_layer_add_weight(self, .name = "w", .shape = {2});
        return 0;
    case 2: return cn_layer_build(self, in, 1);
    case 3: cn_layer_add_weight(self, .name = "w", .shape = {-3}); return 0;
    case 4:
        cn_layer_add_weight(self, .name = "w", .shape = {2}, .initializer = "no_such_thing");
        return 0;
    case 5: return cn_fail(CN_EVALUE, "too %s", "small");
    default: cn_layer_add_weight(self, .name = "w", .shape = {2}); return 0;
    }
}

static cn_tensor *wrong_call(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    (void)n;
    (void)args;
    switch (wrong) {
    case 6: return NULL;
    case 7: return cn_call(self, in[0]);
    case 8: return (cn_tensor *)self;
    case 9: return cn_matmul(in[0], cn_layer_weight(self, 5));
    case 10: cn_fail(CN_EVALUE, "no more"); return in[0];
    case 11: cn_call_output(args, 77, in[0]); return in[0];
    case 12: cn_layer_add_loss(self, NULL); return in[0];
    case 13: return cn_reshape(in[0], 7, 7);
    default: return cn_add(in[0], cn_layer_weight(self, 0));
    }
}

OWN_CLASS(wrong_class, "Wrong", .build = wrong_build, .call = wrong_call);

static void test_mistakes(void **state)
{
    static const char *const words[] = {"its build function failed with code -5",
                                        "already has a weight named \"w\"",
                                        "is being built already: its build function calls it",
                                        "needs a known shape",
                                        "no_such_thing",
                                        "too small",
                                        "its call function returned NULL without an error",
                                        "calls itself: its call function leads back to it",
                                        "a layer's output",
                                        "matmul",
                                        "no more",
                                        "output 77 is not in 1",
                                        "cn_layer_add_loss",
                                        "(7, 7)"};
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_ones(3, 2), *w[4];
    for (wrong = 0; wrong < 14; wrong++) {
        int kind = wrong;
        cn_layer *layer = cn_layer_new(&wrong_class, &own_defaults);
        assert_null(cn_call(layer, x));
        expect_error(words[kind]);
        /* In a model's training too, and after it everything is as before. */
        cn_model *model = cn_sequential(cn_layer_new(&wrong_class, &own_defaults));
        cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
        assert_null(cn_model_fit(model, x, x, .verbose = 0));
        expect_error(words[kind]);
        wrong = 99;
        cn_tensor *sum = cn_call(layer, cn_zeros(1, 2));
        check_number(sum, 0, cn_tensor_item(cn_layer_weight(layer, 0), 0));
        assert_int_equal(cn_layer_weights(layer, w, 4), 1);
        cn_model_fit(model, x, x, .verbose = 0);
        must("after the mistake");
        wrong = kind;
    }
    cn_scope_end(scope);
}

/* The wrong shape: what compute_output_shape promised is not what call gives, or the batch is gone.
 */
static int promise(cn_layer *self, const cn_shape *in, int n, cn_shape *out, int max)
{
    (void)self;
    (void)n;
    (void)max;
    *out = in[0];
    out->dim[out->rank - 1] = 9;
    return 0;
}

static cn_tensor *no_rows(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    (void)self;
    (void)n;
    (void)args;
    return cn_sum(in[0]);
}

/* Frees what it does not own: the layer's weight, then its input. */
static cn_tensor *frees(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *args)
{
    (void)n;
    (void)args;
    cn_tensor *y = cn_add(in[0], cn_layer_weight(self, 0));
    cn_free(y);
    return cn_add(in[0], cn_layer_weight(self, 0));
}

/* What frees_wrongly frees: its input, its weight, itself. */
static int freed;

static cn_tensor *frees_wrongly(cn_layer *self, cn_tensor *const *in, int n,
                                const cn_call_args *args)
{
    (void)n;
    (void)args;
    void *const all[] = {in[0], cn_layer_weight(self, 0), self, NULL};
    cn_free(all[freed]);
    return cn_add(in[0], cn_layer_weight(self, 0));
}

/* Frees the weight that it has just made. */
static int build_and_free(cn_layer *self, const cn_shape *in, int n)
{
    (void)in;
    (void)n;
    cn_tensor *w = cn_layer_add_weight(self, .name = "w", .shape = {2});
    if (freed == 0) {
        cn_free(w);
    }
    return cn_error_code();
}

OWN_CLASS(rebuilding, "Rebuilding", .build = build_and_free, .call = frees_wrongly);
OWN_CLASS(robbing, "Robbing", .build = wrong_build, .call = frees_wrongly);
OWN_CLASS(promising, "Promising", .call = pass, .compute_output_shape = promise);
OWN_CLASS(rowless, "Rowless", .call = no_rows);
OWN_CLASS(freeing, "Freeing", .build = wrong_build, .call = frees);

static void test_shapes(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_shape in = cn_shape_of(-1, 2), out;
    cn_layer *layer = cn_layer_new(&promising, &own_defaults);
    cn_layer_compute_output_shape(layer, &in, 1, &out);
    assert_int_equal(out.dim[1], 9);
    cn_model *model = cn_sequential(cn_layer_new(&rowless, &own_defaults));
    cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
    cn_tensor *x = cn_ones(3, 2);
    assert_null(cn_model_predict(model, x, .verbose = 0));
    expect_error("has no batch axis");
    wrong = 99;
    static const char *const kinds[] = {"the tensor belongs", "the tensor belongs",
                                        "the layer belongs"};
    for (int what = 0; what < 3; what++) {
        layer = cn_layer_new(&robbing, &own_defaults);
        freed = what;
        assert_null(cn_call(layer, x));
        expect_error(kinds[what]);
        model = cn_sequential(layer);
        cn_model_compile(model, .optimizer = "sgd", .loss = "mse");
        assert_null(cn_model_fit(model, x, x, .verbose = 0));
        expect_error(kinds[what]);
        freed = 3;
        cn_model_fit(model, x, x, .verbose = 0);
        must("after the mistake");
    }
    layer = cn_layer_new(&rebuilding, &own_defaults);
    freed = 0;
    assert_null(cn_call(layer, x));
    expect_error("the tensor belongs");
    freed = 3;
    layer = cn_layer_new(&rebuilding, &own_defaults);
    assert_non_null(cn_call(layer, x));
    must("after the mistake");
    layer = cn_layer_new(&freeing, &own_defaults);
    cn_tensor *sum = cn_call(layer, cn_zeros(1, 2));
    check_number(sum, 1, cn_tensor_item(cn_layer_weight(layer, 0), 1));
    cn_scope_end(scope);
}

/* Wrong classes and arguments. */
static void test_records(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    static const cn_layer_class nothing = {
        .base = {.size = sizeof(cn_layer_class), .name = "Nothing"}};
    assert_null(cn_layer_new(&nothing, NULL));
    expect_error("needs a call function");
    assert_null(cn_layer_new(NULL, NULL));
    expect_error("needs a call function");
    assert_null(cn_model_new(&nothing, NULL));
    expect_error("needs a call function");
    assert_null(cn_layer_new(&scale, &(own_args){.units = 3}));
    assert_non_null(cn_error());
    cn_error_clear();
    cn_layer *layer = cn_layer_new(&scale, &own_defaults);
    cn_layer_track(layer, layer);
    expect_error("cannot be a sublayer of itself");
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_losses_metrics_state, begin),
        cmocka_unit_test_setup(test_nested, begin),
        cmocka_unit_test_setup(test_frozen_training, begin),
        cmocka_unit_test_setup(test_files, begin),
        cmocka_unit_test_setup(test_model, begin),
        cmocka_unit_test_setup(test_model_files, begin),
        cmocka_unit_test_setup(test_unbuilt, begin),
        cmocka_unit_test_setup(test_mistakes, begin),
        cmocka_unit_test_setup(test_shapes, begin),
        cmocka_unit_test_setup(test_records, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
