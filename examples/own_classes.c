/* One class of one's own of every kind, in one training: layer, model, loss, metric, optimizer,
 * initialiser, regulariser, constraint, callback, train step, and a training loop as a
 * traced function. tests/meta/install.sh builds it outside the tree against the installed library.
 */
#include <cornu.h>
#include <stdio.h>
#include <stdlib.h>

/* Initialiser: scale, -scale, scale … */
typedef struct alternating_args {
    size_t size;
    double scale;
} alternating_args;

static cn_tensor *alternating_call(const cn_initializer *self, const cn_shape *shape,
                                   cn_dtype dtype)
{
    const alternating_args *args = cn_initializer_arguments(self);
    int64_t n = 1;
    for (int i = 0; i < shape->rank; i++) {
        n *= shape->dim[i];
    }
    cn_tensor *index = cn_arange(0, (double)n, 1, CN_FLOAT32);
    cn_tensor *odd = cn_subtract(index, cn_multiply(cn_floor(cn_divide(index, 2)), 2));
    cn_tensor *values = cn_multiply(cn_subtract(1, cn_multiply(odd, 2)), args->scale);
    return cn_cast(cn_reshape_to(values, shape->rank, shape->dim), dtype);
}

static const alternating_args alternating_defaults = {.size = sizeof(alternating_args),
                                                      .scale = 0.5};
static const cn_field alternating_fields[] = {CN_FIELD(alternating_args, DOUBLE, scale), {0}};
static const cn_initializer_class alternating = {.base = {.size = sizeof(cn_initializer_class),
                                                          .name = "Alternating",
                                                          .args_size = sizeof(alternating_args),
                                                          .defaults = &alternating_defaults,
                                                          .fields = alternating_fields},
                                                 .call = alternating_call};

/* Regulariser: factor Σ log(1 + w²), which spares large weights. */
typedef struct cauchy_args {
    size_t size;
    double factor;
} cauchy_args;

static cn_tensor *cauchy_call(const cn_regularizer *self, cn_tensor *w)
{
    const cauchy_args *args = cn_regularizer_arguments(self);
    return cn_multiply(cn_sum(cn_log(cn_add(cn_square(w), 1))), args->factor);
}

static const cauchy_args cauchy_defaults = {.size = sizeof(cauchy_args), .factor = 0.001};
static const cn_field cauchy_fields[] = {CN_FIELD(cauchy_args, DOUBLE, factor), {0}};
static const cn_regularizer_class cauchy = {.base = {.size = sizeof(cn_regularizer_class),
                                                     .name = "Cauchy",
                                                     .args_size = sizeof(cauchy_args),
                                                     .defaults = &cauchy_defaults,
                                                     .fields = cauchy_fields},
                                            .call = cauchy_call};

/* Constraint: no element beyond ±limit. */
typedef struct box_args {
    size_t size;
    double limit;
} box_args;

static cn_tensor *box_call(const cn_constraint *self, cn_tensor *w)
{
    const box_args *args = cn_constraint_arguments(self);
    return cn_clip(w, -args->limit, args->limit);
}

static const box_args box_defaults = {.size = sizeof(box_args), .limit = 0.75};
static const cn_field box_fields[] = {CN_FIELD(box_args, DOUBLE, limit), {0}};
static const cn_constraint_class box = {.base = {.size = sizeof(cn_constraint_class),
                                                 .name = "Box",
                                                 .args_size = sizeof(box_args),
                                                 .defaults = &box_defaults,
                                                 .fields = box_fields},
                                        .call = box_call};

/* Layer: x·W + b, with the three above for W where they are given. */
typedef struct affine_args {
    CN_LAYER_ARGS;
    int64_t units;
    cn_identifier initializer, regularizer, constraint;
} affine_args;

static int affine_build(cn_layer *self, const cn_shape *inputs, int n)
{
    const affine_args *args = cn_layer_arguments(self);
    (void)n;
    cn_layer_add_weight(self, .name = "w", .shape = {inputs->dim[inputs->rank - 1], args->units},
                        .initializer = args->initializer, .regularizer = args->regularizer,
                        .constraint = args->constraint);
    cn_layer_add_weight(self, .name = "b", .shape = {args->units}, .initializer = "zeros");
    return 0;
}

static cn_tensor *affine_call(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *call)
{
    (void)n;
    (void)call;
    return cn_add(cn_matmul(in[0], cn_layer_weight(self, 0)), cn_layer_weight(self, 1));
}

static const affine_args affine_defaults = {.size = sizeof(affine_args), CN_LAYER_DEFAULTS};
static const cn_field affine_fields[] = {CN_FIELD(affine_args, INT64, units),
                                         CN_FIELD(affine_args, INITIALIZER, initializer),
                                         CN_FIELD(affine_args, REGULARIZER, regularizer),
                                         CN_FIELD(affine_args, CONSTRAINT, constraint),
                                         {0}};
static const cn_layer_class affine = {.base = {.size = sizeof(cn_layer_class),
                                               .name = "Affine",
                                               .args_size = sizeof(affine_args),
                                               .defaults = &affine_defaults,
                                               .fields = affine_fields},
                                      .build = affine_build,
                                      .call = affine_call,
                                      .min_rank = 2};

/* Model: two such layers; the flag of a call asks for what is between them. */
typedef struct net_args {
    CN_LAYER_ARGS;
    int64_t hidden;
} net_args;

typedef struct net_state {
    cn_layer *first, *last;
} net_state;

typedef struct net_flags {
    bool features;
} net_flags;

static int net_init(cn_layer *self)
{
    const net_args *args = cn_layer_arguments(self);
    net_state *s = cn_layer_state(self);
    affine_args inner = affine_defaults;
    inner.units = args->hidden;
    inner.initializer = cn_initializer_new(&alternating, NULL);
    inner.regularizer = cn_regularizer_new(&cauchy, NULL);
    inner.constraint = cn_constraint_new(&box, NULL);
    s->first = cn_layer_new(&affine, &inner);
    s->last = cn_layer_new(&affine, &(affine_args){.size = sizeof(affine_args),
                                                   CN_LAYER_DEFAULTS,
                                                   .units = 1,
                                                   .initializer = inner.initializer});
    cn_layer_track(self, s->first);
    return cn_layer_track(self, s->last);
}

static cn_tensor *net_call(cn_layer *self, cn_tensor *const *in, int n, const cn_call_args *call)
{
    const net_state *s = cn_layer_state(self);
    const net_flags *flags = call->args;
    (void)n;
    cn_tensor *h = cn_tanh(cn_call(s->first, in[0]));
    return flags && flags->features ? h : cn_call(s->last, h);
}

static const net_args net_defaults = {.size = sizeof(net_args), CN_LAYER_DEFAULTS, .hidden = 4};
static const cn_field net_fields[] = {CN_FIELD(net_args, INT64, hidden), {0}};
static const cn_layer_class net = {.base = {.size = sizeof(cn_layer_class),
                                            .name = "Net",
                                            .args_size = sizeof(net_args),
                                            .defaults = &net_defaults,
                                            .fields = net_fields},
                                   .call = net_call,
                                   .init = net_init,
                                   .state_bytes = sizeof(net_state)};

/* Loss: √(1 + e²) - 1, one value a sample. */
static cn_tensor *round_call(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    (void)self;
    cn_tensor *square = cn_square(cn_subtract(y_true, y_pred));
    return cn_mean(cn_subtract(cn_sqrt(cn_add(square, 1)), 1), .axis = {-1});
}

static const cn_loss_args round_defaults = {.size = sizeof(cn_loss_args), CN_LOSS_DEFAULTS};
static const cn_loss_class round_loss = {.base = {.size = sizeof(cn_loss_class),
                                                  .name = "RoundLoss",
                                                  .args_size = sizeof(cn_loss_args),
                                                  .defaults = &round_defaults},
                                         .call = round_call};

/* Metric: the largest error of an epoch. A maximum has no use for sample weights. */
static int worst_init(cn_metric *self)
{
    return cn_metric_add_variable(self, "worst", &(cn_shape){0}, 0) ? 0 : cn_error_code();
}

static int worst_update(cn_metric *self, cn_tensor *y_true, cn_tensor *y_pred,
                        cn_tensor *sample_weight)
{
    cn_tensor *worst = cn_metric_variable(self, 0);
    (void)sample_weight;
    return cn_assign(worst, cn_maximum(worst, cn_max(cn_abs(cn_subtract(y_true, y_pred)))));
}

static cn_tensor *worst_result(cn_metric *self)
{
    return cn_identity(cn_metric_variable(self, 0));
}

static int worst_reset(cn_metric *self)
{
    return cn_assign(cn_metric_variable(self, 0), 0);
}

static const cn_metric_args worst_defaults = {.size = sizeof(cn_metric_args), .name = "worst"};
static const cn_metric_class worst = {.base = {.size = sizeof(cn_metric_class),
                                               .name = "Worst",
                                               .args_size = sizeof(cn_metric_args),
                                               .defaults = &worst_defaults},
                                      .init = worst_init,
                                      .update = worst_update,
                                      .result = worst_result,
                                      .reset = worst_reset,
                                      .direction = -1};

/* Optimizer: w -= learning_rate m, with m a moving mean of the gradient. */
typedef struct heavy_args {
    CN_OPTIMIZER_ARGS;
    double beta;
} heavy_args;

static int heavy_update(cn_optimizer *self, cn_tensor *w, cn_tensor *g, cn_tensor *const *slots,
                        cn_tensor *learning_rate, cn_tensor *step, cn_tensor *const *shared)
{
    const heavy_args *args = cn_optimizer_arguments(self);
    (void)step;
    (void)shared;
    cn_tensor *m = cn_add(cn_multiply(slots[0], args->beta), cn_multiply(g, 1 - args->beta));
    cn_assign(slots[0], m);
    return cn_assign_sub(w, cn_multiply(learning_rate, m));
}

static const heavy_args heavy_defaults = {
    .size = sizeof(heavy_args), CN_OPTIMIZER_DEFAULTS, .learning_rate = 0.2, .beta = 0.8};
static const cn_field heavy_fields[] = {CN_FIELD(heavy_args, DOUBLE, beta), {0}};
static const char *const heavy_slots[] = {"momentum"};
static const cn_optimizer_class heavy = {.base = {.size = sizeof(cn_optimizer_class),
                                                  .name = "Heavy",
                                                  .args_size = sizeof(heavy_args),
                                                  .defaults = &heavy_defaults,
                                                  .fields = heavy_fields},
                                         .n_slots = 1,
                                         .slot_names = heavy_slots,
                                         .update = heavy_update};

/* Callback: ends the training once the loss is small. */
typedef struct until_args {
    size_t size;
    double loss;
} until_args;

typedef struct until_state {
    int64_t epochs;
} until_state;

static int until_epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    const until_args *args = cn_callback_arguments(self);
    until_state *s = cn_callback_state(self);
    s->epochs = epoch + 1;
    if (!cn_logs_has(logs, "gradient_norm")) {
        return cn_fail(CN_EKEY, "Until: the train step has not logged its gradient_norm");
    }
    if (cn_logs_get(logs, "loss", 1) <= args->loss) {
        cn_model_stop_training(cn_callback_model(self));
    }
    return 0;
}

static const until_args until_defaults = {.size = sizeof(until_args), .loss = 0.02};
static const cn_field until_fields[] = {CN_FIELD(until_args, DOUBLE, loss), {0}};
static const cn_callback_class until = {.base = {.size = sizeof(cn_callback_class),
                                                 .name = "Until",
                                                 .args_size = sizeof(until_args),
                                                 .defaults = &until_defaults,
                                                 .fields = until_fields},
                                        .on_epoch_end = until_epoch_end,
                                        .state_bytes = sizeof(until_state)};

enum { WEIGHTS = 4 };

/* What the steps and the loop work with. */
typedef struct trainer {
    cn_model *model;
    cn_loss *loss;
    cn_optimizer *optimizer;
    cn_metric *worst, *mean;
} trainer;

/* Train step: logs the length of the gradient beside loss and metric. */
static int train_step(cn_model *model, cn_step *step, void *user)
{
    trainer *t = user;
    cn_tensor *w[WEIGHTS], *g[WEIGHTS], *square = cn_scalar(0, CN_FLOAT32);
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y_pred = cn_step_forward(step);
    cn_tensor *loss = cn_step_compute_loss(step, y_pred);
    int n = cn_model_trainable_weights(model, w, WEIGHTS);
    cn_tape_gradients(tape, 1, &loss, n, w, g);
    for (int i = 0; i < n; i++) {
        square = cn_add(square, cn_sum(cn_square(g[i])));
    }
    cn_optimizer_apply_gradients(cn_model_optimizer(model), n, g, w);
    cn_metric_update(t->mean, loss, NULL, NULL);
    cn_metric_update(t->worst, cn_step_y(step, 0), y_pred, NULL);
    cn_step_log_metric(step, t->mean);
    cn_step_log_metric(step, t->worst);
    return cn_step_log(step, "gradient_norm", cn_sqrt(square));
}

/* The same by hand, for a traced function; out[0] is the loss. */
static int train(cn_tensor *const *in, int n_in, cn_tensor **out, void *user)
{
    trainer *t = user;
    cn_tensor *w[WEIGHTS], *g[WEIGHTS];
    (void)n_in;
    cn_tape *tape = cn_tape_begin();
    cn_tensor *y_pred = cn_call(t->model, in[0], .training = true);
    out[0] = cn_loss_call(t->loss, in[1], y_pred, NULL);
    int n = cn_model_trainable_weights(t->model, w, WEIGHTS);
    cn_tape_gradients(tape, 1, &out[0], n, w, g);
    cn_optimizer_apply_gradients(t->optimizer, n, g, w);
    return cn_metric_update(t->worst, in[1], y_pred, NULL);
}

/* Each part is made once a training: an optimizer's slots and a metric's sum are its own. */
static trainer make_trainer(void)
{
    return (trainer){.model = cn_model_new(&net, NULL),
                     .loss = cn_loss_new(&round_loss, NULL),
                     .optimizer = cn_optimizer_new(&heavy, NULL),
                     .worst = cn_metric_new(&worst, NULL),
                     .mean = cn_metric_mean(.name = "loss")};
}

static bool by_fit(cn_tensor *x, cn_tensor *y)
{
    trainer t = make_trainer();
    cn_callback *stop = cn_callback_new(&until, NULL);
    cn_model_compile(t.model, .optimizer = t.optimizer, .loss = {t.loss}, .metrics = {t.worst});
    cn_model_set_train_step(t.model, train_step, &t);
    cn_model_fit(t.model, x, y, .epochs = 300, .batch_size = 16, .shuffle = false, .verbose = 0,
                 .callbacks = {stop});
    cn_scores scores = cn_model_evaluate(t.model, x, y, .verbose = 0);
    cn_tensor *features = cn_call(t.model, x, .args = &(net_flags){.features = true});
    cn_tensor *w[WEIGHTS];
    if (cn_error() || cn_model_weights(t.model, w, WEIGHTS) != WEIGHTS || scores.n != 2) {
        return false;
    }
    bool ended = ((const until_state *)cn_callback_state(stop))->epochs < 300;
    bool inside = cn_tensor_value(cn_max(cn_abs(w[0]))) <= 0.75;
    printf("fit: %s; %s below 0.1: %s, %s below 0.5: %s\n",
           ended ? "ended by the callback" : "ran to the end", scores.names[0],
           scores.values[0] < 0.1 ? "yes" : "no", scores.names[1],
           scores.values[1] < 0.5 ? "yes" : "no");
    printf("weights inside the box: %s; features of one row: %lld\n", inside ? "yes" : "no",
           (long long)cn_tensor_dim(features, 1));
    return ended && inside && scores.values[0] < 0.1 && scores.values[1] < 0.5;
}

static bool by_function(cn_tensor *x, cn_tensor *y)
{
    trainer t = make_trainer();
    cn_function *step = cn_function(train, .user = &t, .batched = true);
    double first = 0, last = 0;
    for (int epoch = 0; epoch < 50 && !cn_error(); epoch++) {
        cn_metric_reset(t.worst);
        for (int64_t row = 0; row < 64; row += 16) {
            cn_scope scope = cn_scope_begin();
            cn_tensor *loss =
                cn_function_call(step, cn_rows(x, row, row + 16), cn_rows(y, row, row + 16));
            last = loss ? cn_tensor_value(loss) : 0;
            first = epoch || row ? first : last;
            cn_scope_end(scope);
        }
    }
    if (cn_error()) {
        return false;
    }
    double error = cn_tensor_value(cn_metric_result(t.worst));
    int traces = cn_function_traces(step);
    printf("function: traced %d time; loss less than half: %s, %s below 0.5: %s\n", traces,
           last < first / 2 ? "yes" : "no", cn_metric_name(t.worst), error < 0.5 ? "yes" : "no");
    return traces == 1 && last < first / 2 && error < 0.5;
}

int main(void)
{
    cn_set_random_seed(1);
    cn_tensor *x = cn_random_uniform(.shape = {64, 2}, .minval = -1, .seed = 2);
    /* x0 - x1 / 2 + 0.25 */
    cn_tensor *w = cn_reshape(cn_array(1, -0.5), 2, 1);
    cn_tensor *y = cn_add(cn_matmul(x, w), 0.25);
    bool good = by_fit(x, y);
    good = by_function(x, y) && good;
    if (cn_error()) {
        fprintf(stderr, "own_classes: %s\n", cn_error());
        return EXIT_FAILURE;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
