/* evaluate and predict over all of the data, and single batches. */
#include "models/loop.h"

#include "ops/op.h"

#include <string.h>

const cn_evaluate_args cn_evaluate_defaults = {.size = sizeof(cn_evaluate_args),
                                               CN_EVALUATE_DEFAULTS};
const cn_batch_args cn_batch_defaults = {.size = sizeof(cn_batch_args), CN_BATCH_DEFAULTS};

static int64_t batch_or_default(int64_t batch)
{
    return batch == CN_NONE ? 32 : batch;
}

static int64_t steps_of(int64_t rows, int64_t batch, int64_t limit)
{
    int64_t steps = (rows + batch - 1) / batch;
    return limit != CN_NONE && limit >= 0 && limit < steps ? limit : steps;
}

/* Bars of Keras 2.3 and before count samples. */
static int64_t seen(int keras, int64_t steps, int64_t batch, int64_t rows)
{
    return !cn__progress_counts_samples(keras) ? steps
           : steps * batch < rows              ? steps * batch
                                               : rows;
}

int cn__evaluate_loop(cn_model *model, const cn__feed *feed, int64_t batch, int64_t limit,
                      cn__hooks *hooks, cn__progress *bar, cn_logs *logs)
{
    int code = cn__model_prepare(model, CN__TEST, feed);
    code = code < 0 ? code : cn__model_reset_metrics(model);
    cn_logs none = {0};
    code = code < 0 ? code : cn__hooks_call(hooks, CN__HOOK(on_test_begin), &none);
    int64_t steps = steps_of(feed->rows, batch, limit);
    for (int64_t step = 0; code == 0 && step < steps; step++) {
        int64_t row = step * batch, rows = row + batch < feed->rows ? batch : feed->rows - row;
        code = cn__hooks_call_at(hooks, CN__HOOK(on_test_batch_begin), step, &none);
        code = code < 0 ? code : cn__model_step(model, CN__TEST, feed, row, rows, NULL, NULL);
        if (code == 0) {
            cn__logs_of_model(logs, model);
            code = cn__hooks_call_at(hooks, CN__HOOK(on_test_batch_end), step, logs);
        }
        if (code == 0 && bar) {
            code = cn__progress_update(bar, seen(bar->keras, step + 1, batch, feed->rows), logs,
                                       false);
        }
    }
    if (code == 0) {
        cn__logs_of_model(logs, model);
        code = cn__logs_fill(logs);
    }
    code = code < 0 ? code : cn__hooks_call(hooks, CN__HOOK(on_test_end), logs);
    if (code == 0 && bar) {
        code = cn__progress_update(bar, seen(bar->keras, steps, batch, feed->rows), logs, true);
    }
    cn__logs_free(&none);
    return code;
}

int cn__check_compiled(const cn_model *model)
{
    if (model->compiled) {
        return 0;
    }
    if (cn__is_keras3(model->layer.base.keras)) {
        return cn__fail(CN_ESTATE, "You must call `compile()` before using the model.");
    }
    return cn__fail(CN_ESTATE, "You must compile your model before training/testing. Use "
                               "`model.compile(optimizer, loss)`.");
}

cn_scores cn_model_evaluate_with(cn_model *model, cn_tensors x, cn_tensors y,
                                 const cn_evaluate_args *given)
{
    cn_scores scores = {0};
    if (!cn__check_model(model, "evaluate") || cn__check_compiled(model) < 0) {
        return scores;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "evaluate: the arguments' size is not set");
        return scores;
    }
    cn_evaluate_args args = cn_evaluate_defaults;
    memcpy(&args, given, given->size);
    int64_t batch = batch_or_default(args.batch_size);
    cn__feed feed;
    cn__hooks hooks = {0};
    cn_logs logs = {0};
    cn__progress bar;
    int verbose = cn__verbosity(args.verbose), keras = model->layer.base.keras;
    int code = cn__check_batch_size(batch);
    code = code < 0 ? code : cn__check_steps("steps", args.steps);
    code =
        code < 0 ? code : cn__feed_make(&feed, model, CN__TEST, &x, &y, &args.sample_weight, NULL);
    if (code < 0) {
        return scores;
    }
    batch = batch < feed.rows ? batch : feed.rows;
    int64_t steps = steps_of(feed.rows, batch, args.steps);
    cn_callback_params params = {.verbose = verbose, .epochs = 1, .steps = steps};
    if (cn__model_enter(model, CN__TEST, "evaluate") < 0) {
        return scores;
    }
    cn_scope scope = cn_scope_begin();
    code = cn__hooks_begin(&hooks, model, &args.callbacks, params);
    if (code == 0) {
        code = cn__model_prepare(model, CN__TEST, &feed);
        const char *const *names = code < 0 ? NULL : cn__model_names(model);
        cn__progress_begin(&bar, seen(keras, steps, batch, feed.rows), verbose, keras, names);
        code = !names ? cn_error_code()
                      : cn__evaluate_loop(model, &feed, batch, args.steps, &hooks, &bar, &logs);
        cn__progress_end(&bar);
    }
    cn__hooks_end(&hooks);
    cn__logs_free(&logs);
    if (code == 0) {
        cn__model_scores(model, &scores);
    }
    cn_scope_end(scope);
    cn__model_leave(model, CN__TEST);
    return scores;
}

/* One batch
 * ---------------------------------------------------------------------------------------------------------
 */

static cn_scores on_batch(cn_model *model, cn__phase phase, const cn_tensors *x,
                          const cn_tensors *y, const cn_batch_args *given, const char *who)
{
    cn_scores scores = {0};
    if (!cn__check_model(model, who) || cn__check_compiled(model) < 0) {
        return scores;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "%s: the arguments' size is not set", who);
        return scores;
    }
    cn_batch_args args = cn_batch_defaults;
    memcpy(&args, given, given->size);
    cn__feed feed;
    if (cn__model_enter(model, phase, who) < 0) {
        return scores;
    }
    cn_scope scope = cn_scope_begin();
    int code = cn__feed_make(&feed, model, phase, x, y, &args.sample_weight, &args.class_weight);
    code = code < 0 ? code : cn__model_prepare(model, phase, &feed);
    if (code == 0 && args.reset_metrics) {
        code = cn__model_reset_metrics(model);
    }
    code = code < 0 ? code : cn__model_step(model, phase, &feed, 0, feed.rows, NULL, NULL);
    if (code == 0) {
        cn__model_scores(model, &scores);
    }
    cn_scope_end(scope);
    cn__model_leave(model, phase);
    return scores;
}

cn_scores cn_model_train_on_batch_with(cn_model *model, cn_tensors x, cn_tensors y,
                                       const cn_batch_args *args)
{
    return on_batch(model, CN__TRAIN, &x, &y, args, "train_on_batch");
}

cn_scores cn_model_test_on_batch_with(cn_model *model, cn_tensors x, cn_tensors y,
                                      const cn_batch_args *args)
{
    return on_batch(model, CN__TEST, &x, &y, args, "test_on_batch");
}

/* predict
 * ------------------------------------------------------------------------------------------------------------
 */

/* Room for `rows` rows of each output of a program for `batch` rows. */
static int make_results(const cn__program *program, int64_t batch, int64_t rows,
                        cn_tensor **results)
{
    for (int i = 0; i < program->n_outputs; i++) {
        const cn__value *value = &program->values[program->outputs[i]];
        cn_shape shape = value->shape;
        if (shape.rank < 1 || shape.dim[0] != batch) {
            return cn__fail(CN_EVALUE, "predict: output %d has no batch axis", i);
        }
        shape.dim[0] = rows;
        results[i] = cn__tensor_new(value->dtype, &shape);
        if (!results[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

/* The results, for the shapes of the program that the first batch is run by. */
static int prepare_results(cn_model *model, const cn__feed *feed, int64_t batch, int64_t rows,
                           cn_tensor **results, int *n)
{
    int64_t first = batch < rows ? batch : rows;
    cn__program *program = cn__model_acquire(model, CN__PREDICT, feed, first < 1 ? 1 : first);
    if (!program) {
        return cn_error_code();
    }
    *n = program->n_outputs;
    int code = make_results(program, first < 1 ? 1 : first, rows, results);
    cn__unref(program);
    return code;
}

int cn__predict_loop(cn_model *model, const cn__feed *feed, int64_t batch, int64_t rows,
                     const cn_predict_args *args, cn_tensor **results, int *n)
{
    int code = prepare_results(model, feed, batch, rows, results, n);
    int64_t steps = (rows + batch - 1) / batch;
    int verbose = cn__verbosity(args->verbose), keras = model->layer.base.keras;
    cn__hooks hooks = {0};
    cn__progress bar;
    cn_logs logs = {0};
    cn_callback_params params = {.verbose = verbose, .epochs = 1, .steps = steps};
    code = code < 0 ? code : cn__hooks_begin(&hooks, model, &args->callbacks, params);
    if (code < 0) {
        return code;
    }
    cn__progress_begin(&bar, seen(keras, steps, batch, rows), verbose, keras, NULL);
    code = cn__hooks_call(&hooks, CN__HOOK(on_predict_begin), &logs);
    for (int64_t step = 0; code == 0 && step < steps; step++) {
        int64_t row = step * batch, now = row + batch < rows ? batch : rows - row;
        void *outputs[CN__MODEL_MAX_IO] = {0};
        for (int i = 0; i < *n; i++) {
            outputs[i] = results[i]->data + (size_t)row * (cn__bytes(results[i]) / (size_t)rows);
        }
        code = cn__hooks_call_at(&hooks, CN__HOOK(on_predict_batch_begin), step, &logs);
        code = code < 0 ? code : cn__model_step(model, CN__PREDICT, feed, row, now, NULL, outputs);
        code = code < 0 ? code
                        : cn__hooks_call_at(&hooks, CN__HOOK(on_predict_batch_end), step, &logs);
        if (code == 0 && verbose) {
            code = cn__progress_update(&bar, seen(keras, step + 1, batch, rows), NULL,
                                       step + 1 == steps);
        }
    }
    code = code < 0 ? code : cn__hooks_call(&hooks, CN__HOOK(on_predict_end), &logs);
    cn__progress_end(&bar);
    cn__hooks_end(&hooks);
    cn__logs_free(&logs);
    return code;
}
