/* fit: epochs of steps, validation, callbacks, history. */
#include "models/loop.h"

#include "core/random.h"
#include "ops/op.h"
#include "utils/print.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const cn_fit_args cn_fit_defaults = {.size = sizeof(cn_fit_args), CN_FIT_DEFAULTS};

typedef struct fit {
    cn_model *model;
    cn_fit_args args;
    cn__feed feed, validation;
    bool validates; /* until the validation data have run out */
    int64_t batch, validation_batch, steps;
    int64_t pass_batches,
        position;   /* batches in one pass over the data, and those of it that were taken */
    int64_t passes; /* passes begun */
    int64_t *order; /* a permutation of the rows, or NULL */
    cn__hooks hooks;
    cn_history *history;
    cn__progress bar;
    int verbose, keras;
} fit;

static bool any(const cn_tensors *list)
{
    return list->v[0] != NULL;
}

/* The last part of every array is kept for validation: rows floor(n (1 - split)) … n - 1. */
static int split_rows(cn_tensors *list, cn_tensors *tail, int64_t at)
{
    for (int i = 0; i < 32 && list->v[i]; i++) {
        cn_tensor *whole = list->v[i];
        tail->v[i] = cn_rows(whole, at, CN_END);
        list->v[i] = cn_rows(whole, 0, at);
        if (!tail->v[i] || !list->v[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

static int split_validation(fit *f, cn_tensors *x, cn_tensors *y)
{
    double split = f->args.validation_split;
    if (!(split > 0 && split < 1)) {
        return cn__fail(CN_EVALUE, "`validation_split` must be between 0 and 1, got %g", split);
    }
    if (cn__expect(x->v[0], CN__TENSOR, "x") < 0 || x->v[0]->shape.rank < 1) {
        return cn__fail(CN_EVALUE, "x: expected rows along axis 0");
    }
    int64_t rows = x->v[0]->shape.dim[0], at = (int64_t)floor((double)rows * (1.0 - split));
    if (at == 0 || at == rows) {
        return cn__fail(CN_EVALUE,
                        "Training data contains %" PRId64 " samples, which is not sufficient to "
                        "split it into a validation and training set as specified by "
                        "`validation_split=%g`. Either provide more data, or a different value for "
                        "the `validation_split` argument.",
                        rows, split);
    }
    int code = split_rows(x, &f->args.validation_x, at);
    code = code < 0 ? code : split_rows(y, &f->args.validation_y, at);
    return code < 0 ? code
                    : split_rows(&f->args.sample_weight, &f->args.validation_sample_weight, at);
}

static int prepare_data(fit *f, cn_tensors *x, cn_tensors *y)
{
    cn_fit_args *a = &f->args;
    if (any(&a->validation_data)) {
        a->validation_x = (cn_tensors){{a->validation_data.v[0]}};
        a->validation_y = (cn_tensors){{a->validation_data.v[1]}};
        a->validation_sample_weight = (cn_tensors){{a->validation_data.v[2]}};
    }
    int code = 0;
    if (a->validation_split != 0 && !any(&a->validation_x)) {
        code = split_validation(f, x, y);
    }
    code = code < 0 ? code
                    : cn__feed_make(&f->feed, f->model, CN__TRAIN, x, y, &a->sample_weight,
                                    &a->class_weight);
    f->validates = any(&a->validation_x);
    if (code == 0 && f->validates) {
        code = cn__feed_make(&f->validation, f->model, CN__TEST, &a->validation_x, &a->validation_y,
                             &a->validation_sample_weight, NULL);
        if (code < 0) {
            cn__fail_context("validation data");
        }
    }
    return code;
}

static int check_arguments(fit *f)
{
    const cn_fit_args *a = &f->args;
    f->batch = a->batch_size == CN_NONE ? 32 : a->batch_size;
    f->validation_batch = a->validation_batch_size == CN_NONE ? f->batch : a->validation_batch_size;
    int code = cn__check_batch_size(f->batch);
    code = code < 0 ? code : cn__check_batch_size(f->validation_batch);
    code = code < 0 ? code : cn__check_steps("validation_steps", a->validation_steps);
    if (code == 0 && a->validation_freq < 1) {
        code = cn__fail(CN_EVALUE, "validation_freq: expected a positive number, got %" PRId64,
                        a->validation_freq);
    }
    if (code == 0 && a->n_validation_epochs && !a->validation_epochs) {
        code = cn__fail(CN_EVALUE, "validation_epochs: expected %d epochs, got NULL",
                        a->n_validation_epochs);
    }
    if (code == 0 && a->steps_per_epoch != CN_NONE && a->steps_per_epoch != -1 &&
        a->steps_per_epoch < 1) {
        code = cn__fail(CN_EVALUE,
                        "steps_per_epoch must be positive, None or -1. Received %" PRId64
                        ". See `Model.fit`.",
                        a->steps_per_epoch);
    }
    /* Only tf.keras minds; others have nothing to do. */
    bool minds = f->keras >= 204 && !cn__is_keras3(f->keras);
    if (code == 0 && minds && a->epochs < 1) {
        code = cn__fail(CN_EVALUE, "Expected epochs to be positive. Received is %" PRId64 ".",
                        a->epochs);
    }
    if (code == 0 && minds && a->initial_epoch < 0) {
        code = cn__fail(CN_EVALUE,
                        "Expected initial_epoch to be non-negative. Received is %" PRId64 ".",
                        a->initial_epoch);
    }
    return code;
}

/* A new order for each pass, from the seed and the number of steps done so far: training that is
 * resumed goes on as it was. */
static void begin_pass(fit *f)
{
    f->position = 0;
    f->passes++;
    if (f->order) {
        cn__stream stream = {.key = cn__seed_mix(cn__seed_global(), 0x5317f1e5),
                             .step = (uint64_t)cn_optimizer_iterations(f->model->optimizer)};
        cn__random_permutation(stream, f->feed.rows, f->order);
    }
}

/* Whether a batch is left for the running epoch. With steps_per_epoch, epochs go on where the last
 * one ended: tf.keras takes the data as often as there are epochs, in one row; Keras 3 ends an
 * epoch early where a pass does. */
static bool next_batch(fit *f)
{
    if (f->position < f->pass_batches) {
        return true;
    }
    if (cn__is_keras3(f->keras) || f->passes >= f->args.epochs) {
        return false;
    }
    begin_pass(f);
    return true;
}

/* The rows of the next batch: those of the pass's order, or in place. */
static int run_step(fit *f)
{
    int64_t row = f->position++ * f->batch;
    int64_t rows = row + f->batch < f->feed.rows ? f->batch : f->feed.rows - row;
    return cn__model_step(f->model, CN__TRAIN, &f->feed, row, rows,
                          f->order ? f->order + row : NULL, NULL);
}

static int64_t bar_position(const fit *f, int64_t steps)
{
    int64_t rows = steps * f->batch;
    return !cn__progress_counts_samples(f->keras) ? steps
           : rows < f->feed.rows                  ? rows
                                                  : f->feed.rows;
}

static int run_batches(fit *f, cn_logs *logs)
{
    cn_logs none = {0};
    int code = 0;
    for (int64_t step = 0; code == 0 && step < f->steps && next_batch(f); step++) {
        code = cn__hooks_call_at(&f->hooks, CN__HOOK(on_train_batch_begin), step, &none);
        code = code < 0 ? code : run_step(f);
        if (code < 0) {
            break;
        }
        cn__logs_of_model(logs, f->model);
        code = cn__hooks_call_at(&f->hooks, CN__HOOK(on_train_batch_end), step, logs);
        if (code == 0 && f->verbose == 1) {
            code = cn__progress_update(&f->bar, bar_position(f, step + 1), logs, false);
        }
        if (f->model->stop_training) {
            break;
        }
    }
    cn__logs_free(&none);
    if (code == 0) {
        cn__logs_of_model(logs, f->model);
        code = cn__logs_fill(logs);
    }
    return code;
}

/* Whether the epoch, counted from 0, ends with a validation. */
static bool is_validated(const fit *f, int64_t epoch)
{
    const cn_fit_args *a = &f->args;
    bool listed = a->n_validation_epochs == 0 && (epoch + 1) % a->validation_freq == 0;
    for (int i = 0; i < a->n_validation_epochs; i++) {
        listed = listed || a->validation_epochs[i] == epoch + 1;
    }
    return f->validates && listed;
}

static int validate(fit *f, int64_t epoch, cn_logs *logs)
{
    if (!is_validated(f, epoch)) {
        return 0;
    }
    cn_logs scores = {0};
    int code = cn__evaluate_loop(f->model, &f->validation, f->validation_batch,
                                 f->args.validation_steps, &f->hooks, NULL, &scores);
    code = code < 0 ? code : cn__logs_merge(logs, &scores, "val_");
    cn__logs_free(&scores);
    /* tf.keras goes on with the iterator of the first validation, which has nothing left where
     * validation_steps asks for more than there is. */
    int64_t batches = (f->validation.rows + f->validation_batch - 1) / f->validation_batch;
    if (f->keras >= 204 && !cn__is_keras3(f->keras) && f->args.validation_steps > batches) {
        f->validates = false;
    }
    return code;
}

/* The logs are those of the epoch, for the end of training to see. */
static int run_epoch(fit *f, int64_t epoch, cn_logs *logs)
{
    cn__logs_reset(logs, NULL, NULL);
    if (f->position == f->pass_batches) {
        begin_pass(f);
    }
    int code = cn__model_reset_metrics(f->model);
    code = code < 0 ? code : cn__hooks_call_at(&f->hooks, CN__HOOK(on_epoch_begin), epoch, logs);
    if (code == 0) {
        cn__progress_epoch(f->keras, f->verbose, epoch, f->args.epochs);
        /* What a batch logs is the mean so far: the bar shows it as it is. */
        const char *const *names = cn__model_names(f->model);
        cn__progress_begin(&f->bar, bar_position(f, f->steps), f->verbose, f->keras, names);
        code = names ? run_batches(f, logs) : cn_error_code();
    }
    code = code < 0 ? code : validate(f, epoch, logs);
    if (cn__is_keras3(f->keras)) {
        cn__logs_sort(logs, 0);
    }
    /* Multi-backend Keras finishes its bar before the callbacks speak, later ones after them. */
    if (code == 0 && cn__progress_counts_samples(f->keras)) {
        code = cn__progress_update(&f->bar, bar_position(f, f->steps), logs, true);
    }
    code = code < 0 ? code : cn__hooks_call_at(&f->hooks, CN__HOOK(on_epoch_end), epoch, logs);
    code = code < 0 ? code : cn__history_append(f->history, epoch, logs);
    if (code == 0 && !cn__progress_counts_samples(f->keras)) {
        code = cn__progress_update(&f->bar, bar_position(f, f->steps), logs, true);
    }
    cn__progress_end(&f->bar);
    return code;
}

static int finish(fit *f)
{
    cn_tensor **weights = cn__calloc(8192, sizeof *weights);
    if (!weights) {
        return CN_ENOMEM;
    }
    int n = cn_layer_trainable_weights(&f->model->layer, weights, 8192);
    int code = n < 0 ? n : cn_optimizer_finalize(f->model->optimizer, n, weights);
    cn__free_mem(weights);
    return code;
}

/* The first line of Keras 2.3 and before, and of tf.keras up to 2.1. */
static void print_counts(const fit *f)
{
    if (!cn__progress_counts_samples(f->keras) || !f->verbose) {
        return;
    }
    if (f->validates) {
        cn__print_format("Train on %" PRId64 " samples, validate on %" PRId64 " samples\n",
                         f->feed.rows, f->validation.rows);
    } else if (f->keras < 200 || f->keras > 202) {
        return;
    } else {
        cn__print_format("Train on %" PRId64 " samples\n", f->feed.rows);
    }
}

static int run_epochs(fit *f)
{
    int code = cn__model_prepare(f->model, CN__TRAIN, &f->feed);
    cn_logs logs = {0};
    f->model->stop_training = false;
    code = code < 0 ? code : cn__hooks_call(&f->hooks, CN__HOOK(on_train_begin), &logs);
    if (code == 0) {
        print_counts(f);
    }
    for (int64_t epoch = f->args.initial_epoch; code == 0 && epoch < f->args.epochs; epoch++) {
        cn_scope scope = cn_scope_begin();
        code = run_epoch(f, epoch, &logs);
        cn_scope_end(scope);
        bool at_end = f->position == f->pass_batches && f->passes >= f->args.epochs;
        if (f->model->stop_training || (at_end && !cn__is_keras3(f->keras))) {
            break;
        }
    }
    code = code < 0 ? code : finish(f);
    code = code < 0 ? code : cn__hooks_call(&f->hooks, CN__HOOK(on_train_end), &logs);
    cn__logs_free(&logs);
    return code;
}

static int start(fit *f, cn_tensors *x, cn_tensors *y)
{
    int code = check_arguments(f);
    code = code < 0 ? code : prepare_data(f, x, y);
    if (code < 0) {
        return code;
    }
    /* More than there is would only run over in products. */
    f->batch = f->batch < f->feed.rows ? f->batch : f->feed.rows;
    if (f->validates && f->validation_batch > f->validation.rows) {
        f->validation_batch = f->validation.rows;
    }
    f->pass_batches = f->position = (f->feed.rows + f->batch - 1) / f->batch;
    f->steps = f->args.steps_per_epoch > 0 ? f->args.steps_per_epoch : f->pass_batches;
    if (f->args.shuffle) {
        f->order = cn__malloc((size_t)f->feed.rows * sizeof *f->order);
        if (!f->order) {
            return CN_ENOMEM;
        }
    }
    cn_callback_params params = {
        .verbose = f->verbose, .epochs = f->args.epochs, .steps = f->steps};
    return cn__hooks_begin(&f->hooks, f->model, &f->args.callbacks, params);
}

cn_history *cn_model_fit_with(cn_model *model, cn_tensors x, cn_tensors y, const cn_fit_args *given)
{
    if (!cn__check_model(model, "fit") || cn__check_compiled(model) < 0) {
        return NULL;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "fit: the arguments' size is not set");
        return NULL;
    }
    fit f = {.model = model, .keras = model->layer.base.keras, .args = cn_fit_defaults};
    memcpy(&f.args, given, given->size);
    f.verbose = cn__verbosity(f.args.verbose);
    if (cn__model_enter(model, CN__TRAIN, "fit") < 0) {
        return NULL;
    }
    f.history = cn__history_new();
    cn_scope scope = cn_scope_begin();
    int code = f.history ? start(&f, &x, &y) : CN_ENOMEM;
    code = code < 0 ? code : run_epochs(&f);
    cn__hooks_end(&f.hooks);
    cn__free_mem(f.order);
    cn_scope_end(scope);
    cn__model_leave(model, CN__TRAIN);
    if (code < 0) {
        cn_free(f.history);
        return NULL;
    }
    return f.history;
}
