/* predict: outputs of a model for rows of data; into the caller's memory without allocating. */
#include "models/loop.h"

#include "ops/op.h"

#include <inttypes.h>
#include <string.h>

const cn_predict_args cn_predict_defaults = {.size = sizeof(cn_predict_args), CN_PREDICT_DEFAULTS};

static int64_t batch_or_default(int64_t batch)
{
    return batch == CN_NONE ? 32 : batch;
}

int cn__check_steps(const char *name, int64_t steps)
{
    if (steps == 0) {
        return cn__fail(CN_EVALUE, "%s must be positive, None or -1. Received 0.", name);
    }
    return 0;
}

int cn__check_batch_size(int64_t batch)
{
    if (batch < 1) {
        return cn__fail(CN_EVALUE, "Expected batch_size to be positive. Received is %" PRId64 ".",
                        batch);
    }
    return 0;
}

/* The results, in the current scope; after an error there are none. */
static int predict(cn_model *model, const cn__feed *feed, int64_t batch, int64_t rows,
                   const cn_predict_args *args, cn_tensor **results, int *n, const char *who)
{
    int code = cn__model_enter(model, CN__PREDICT, who);
    if (code < 0) {
        return code;
    }
    code = cn__predict_loop(model, feed, batch, rows, args, results, n);
    cn__model_leave(model, CN__PREDICT);
    for (int i = 0; code < 0 && i < *n; i++) {
        cn_free(results[i]);
    }
    return code;
}

cn_tensor *cn_model_predict_with(cn_model *model, cn_tensors x, const cn_predict_args *given)
{
    if (!cn__check_model(model, "predict")) {
        return NULL;
    }
    if (!given || !given->size || given->size > sizeof *given) {
        cn__fail(CN_EVALUE, "predict: the arguments' size is not set");
        return NULL;
    }
    cn_predict_args args = cn_predict_defaults;
    memcpy(&args, given, given->size);
    int64_t batch = batch_or_default(args.batch_size);
    cn__feed feed;
    if (cn__check_batch_size(batch) < 0 || cn__check_steps("steps", args.steps) < 0 ||
        cn__feed_make(&feed, model, CN__PREDICT, &x, NULL, NULL, NULL) < 0) {
        return NULL;
    }
    batch = batch < feed.rows ? batch : feed.rows;
    int64_t rows = feed.rows, steps = (rows + batch - 1) / batch;
    if (args.steps != CN_NONE && args.steps >= 0 && args.steps < steps) {
        steps = args.steps;
        rows = steps * batch < rows ? steps * batch : rows;
    }
    cn_tensor *results[CN__MODEL_MAX_IO] = {0};
    int n = 0;
    if (predict(model, &feed, batch, rows, &args, results, &n, "predict") < 0) {
        return NULL;
    }
    for (int i = 1; args.outputs && i < n; i++) {
        args.outputs[i - 1] = results[i];
    }
    return results[0];
}

cn_tensor *cn_model_predict_on_batch_of(cn_model *model, cn_tensors x)
{
    cn__feed feed;
    if (!cn__check_model(model, "predict_on_batch") ||
        cn__feed_make(&feed, model, CN__PREDICT, &x, NULL, NULL, NULL) < 0) {
        return NULL;
    }
    cn_tensor *results[CN__MODEL_MAX_IO] = {0};
    int n = 0;
    cn_predict_args silent = {.size = sizeof silent, .verbose = 0};
    return predict(model, &feed, feed.rows, feed.rows, &silent, results, &n, "predict_on_batch") < 0
               ? NULL
               : results[0];
}

/* A trace for rows of the model's own input shape. */
static int prepare_for_rows(cn_model *model)
{
    const cn_shape *shape = &model->inputs[0]->shape;
    int64_t length[CN_MAX_RANK];
    memcpy(length, shape->dim, sizeof length);
    length[0] = 1;
    for (int a = 1; a < shape->rank; a++) {
        if (length[a] < 1) {
            return cn__fail(CN_EVALUE, "cn_model_predict_into: the input's shape has lengths that "
                                       "are not known; call cn_model_predict first");
        }
    }
    cn_scope scope = cn_scope_begin();
    cn_tensor *like = cn_tensor_new(model->inputs[0]->dtype, shape->rank, length, NULL);
    cn_tensors x = {{like}};
    cn__feed feed;
    int code =
        like ? cn__feed_make(&feed, model, CN__PREDICT, &x, NULL, NULL, NULL) : cn_error_code();
    code = code < 0 ? code : cn__model_prepare(model, CN__PREDICT, &feed);
    cn_scope_end(scope);
    return code;
}

/* The plan for this number of rows, a reference of the caller's; made the first time. */
static cn__program *plan_for(cn_model *model, int64_t rows)
{
    cn__model_lock(model);
    const cn__model_programs *programs = &model->programs[CN__PREDICT];
    bool fresh = programs->trace && programs->version == cn__layers_version();
    int code = fresh ? 0 : prepare_for_rows(model);
    cn__program *program = code < 0 ? NULL : cn__ref(cn__model_program(model, CN__PREDICT, rows));
    cn__model_unlock(model);
    return program;
}

static int predict_into(cn_model *model, const void *x, int64_t rows, void *y, size_t y_bytes)
{
    cn__program *program = plan_for(model, rows);
    if (!program) {
        return cn_error_code();
    }
    const cn__value *out = &program->values[program->outputs[0]];
    int code;
    if ((size_t)out->bytes > y_bytes) {
        code = cn__fail(CN_EVALUE,
                        "cn_model_predict_into: the output takes %" PRId64 " bytes, y has "
                        "room for %zu",
                        out->bytes, y_bytes);
    } else {
        cn__source source = {.data = x, .dtype = model->inputs[0]->dtype};
        void *outputs[CN__MODEL_MAX_IO] = {y};
        code = cn__program_run(program, &source, outputs);
    }
    cn__unref(program);
    return code;
}

int cn_model_predict_into(cn_model *model, const void *x, int64_t rows, void *y, size_t y_bytes)
{
    if (cn__pending()) {
        return CN_EPENDING;
    }
    if (!cn__check_model(model, "cn_model_predict_into")) {
        return cn_error_code();
    }
    if (!model->graph || model->n_inputs != 1) {
        return cn__fail(CN_ESTATE, "cn_model_predict_into: expected a built model with one input");
    }
    if (!x || !y || rows < 1) {
        return cn__fail(CN_EVALUE, "cn_model_predict_into: expected rows at x and room at y");
    }
    int code = cn__model_enter(model, CN__PREDICT, "cn_model_predict_into");
    if (code == 0) {
        code = predict_into(model, x, rows, y, y_bytes);
        cn__model_leave(model, CN__PREDICT);
    }
    return code;
}
