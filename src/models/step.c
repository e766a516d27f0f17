/* One step of a model as a program: traced once for data of a kind, planned once for a number of
 * rows. */
#include "models/step.h"

#include "ops/op.h"
#include "ops/tape.h"

#include <string.h>

void cn__model_forget_programs(cn_model *model)
{
    for (int phase = 0; phase < 3; phase++) {
        cn__model_programs *programs = &model->programs[phase];
        for (int i = 0; i < programs->n; i++) {
            cn__unref(programs->programs[i]);
        }
        cn__unref(programs->trace);
        memset(programs, 0, sizeof *programs);
    }
}

/* Variables of the model's own
 * ------------------------------------------------------------------------------------- */

static int make_variable(cn_tensor **variable, const char *name, cn_dtype dtype)
{
    if (!*variable) {
        cn_shape scalar = {0};
        *variable = cn__variable_new(name, dtype, &scalar, false);
        if (!*variable) {
            return CN_ENOMEM;
        }
        memset((*variable)->data, 0, cn_dtype_size(dtype));
    }
    return 0;
}

static int make_variables(cn_model *model)
{
    int code = make_variable(&model->loss_total, "total", CN_FLOAT32);
    code = code < 0 ? code : make_variable(&model->loss_count, "count", CN_FLOAT32);
    code = code < 0 ? code : make_variable(&model->random_step, "random_step", CN_INT64);
    for (int i = 0; code == 0 && cn__model_logs_outputs(model) && i < model->n_outputs; i++) {
        if (model->losses[i]) {
            code = make_variable(&model->output_total[i], "total", CN_FLOAT32);
            code = code < 0 ? code : make_variable(&model->output_count[i], "count", CN_FLOAT32);
        }
    }
    return code;
}

/* The dtype in which data reaches the model: numbers with a fraction as float32, integers as they
 * are unless the model's input says otherwise. */
static cn_dtype input_dtype(const cn_model *model, const cn_tensor *x, int i)
{
    if (model->graph && i < model->n_inputs) {
        return model->inputs[i]->dtype;
    }
    return cn__dtype_is_float(x->dtype) ? CN_FLOAT32 : x->dtype;
}

static cn_dtype target_dtype(const cn_tensor *y)
{
    return cn__dtype_is_float(y->dtype) || y->dtype == CN_BOOL ? CN_FLOAT32 : y->dtype;
}

/* The shape of a batch of rows like these; rows of rank 0 become rows of one column, as Keras's
 * data adapters have it. */
static cn_shape batch_shape(const cn_tensor *t, bool weights)
{
    cn_shape shape = t->shape;
    shape.dim[0] = -1;
    if (shape.rank == 1 && !weights) {
        shape.rank = 2;
        shape.dim[1] = 1;
    }
    return shape;
}

static cn_tensor *add_placeholder(cn__trace *trace, const cn_tensor *t, cn_dtype dtype,
                                  bool weights, const char *name)
{
    cn_shape shape = batch_shape(t, weights);
    cn_tensor *placeholder = cn__placeholder(dtype, &shape, name);
    if (placeholder && cn__trace_add_input(trace, placeholder) < 0) {
        return NULL;
    }
    return placeholder;
}

/* Building what a first call builds, outside the trace, so that weights are made at once and not
 * recorded. */
static int build_model(cn_model *model, const cn__feed *feed)
{
    if (model->graph || (model->layer.built && model->type != CN__SUBCLASS) ||
        (model->layer.built && model->n_outputs)) {
        return 0;
    }
    cn_tensor *in[CN__MODEL_MAX_IO], *extra[CN__MODEL_MAX_IO] = {0};
    for (int i = 0; i < feed->n_x; i++) {
        cn_shape shape = batch_shape(feed->x[i], false);
        in[i] = cn__placeholder(input_dtype(model, feed->x[i], i), &shape, NULL);
        if (!in[i]) {
            return cn_error_code();
        }
    }
    int n = 1;
    cn_call_args args = {
        .size = sizeof args, .outputs = extra, .max_outputs = CN__MODEL_MAX_IO, .n_outputs = &n};
    cn_tensor *out = cn_layer_call_with(model, feed->n_x, in, &args);
    if (out && !model->graph) {
        model->n_outputs = n;
    }
    return out ? 0 : cn_error_code();
}

/* The trace
 * --------------------------------------------------------------------------------------------------------
 */

static int trace_inputs(cn_step *s)
{
    for (int i = 0; i < s->feed->n_x; i++) {
        s->x[i] = add_placeholder(s->trace, s->feed->x[i], input_dtype(s->model, s->feed->x[i], i),
                                  false, "x");
        if (!s->x[i]) {
            return cn_error_code();
        }
    }
    for (int i = 0; s->phase != CN__PREDICT && i < s->feed->n_y; i++) {
        s->y[i] = add_placeholder(s->trace, s->feed->y[i], target_dtype(s->feed->y[i]), false, "y");
        if (!s->y[i]) {
            return cn_error_code();
        }
    }
    for (int i = 0; s->phase != CN__PREDICT && i < s->feed->n_y; i++) {
        if (!s->feed->w[i]) {
            continue;
        }
        for (int j = 0; j < i; j++) {
            s->w[i] = s->feed->w[j] == s->feed->w[i] ? s->w[j] : s->w[i];
        }
        if (!s->w[i]) {
            s->w[i] = add_placeholder(s->trace, s->feed->w[i], CN_FLOAT32, true, "sample_weight");
        }
        if (!s->w[i]) {
            return cn_error_code();
        }
    }
    return 0;
}

int cn__step_forward(cn_step *s)
{
    cn_tensor *extra[CN__MODEL_MAX_IO] = {0};
    int n = 1;
    cn_call_args args = {.size = sizeof args,
                         .training = s->phase == CN__TRAIN,
                         .outputs = extra,
                         .max_outputs = CN__MODEL_MAX_IO - 1,
                         .n_outputs = &n};
    s->out[0] = cn_layer_call_with(s->model, s->feed->n_x, s->x, &args);
    for (int i = 1; i < n && i < CN__MODEL_MAX_IO; i++) {
        s->out[i] = extra[i - 1];
    }
    s->n_out = n;
    if (s->out[0] && !s->model->graph) {
        s->model->n_outputs = n;
    }
    return s->out[0] ? 0 : cn_error_code();
}

/* total += value · rows; count += rows: the mean over an epoch is weighted by the rows of each
 * batch. */
static int track(cn_tensor *total, cn_tensor *count, cn_tensor *value, cn_tensor *rows)
{
    value = value->dtype == CN_FLOAT32 ? value : cn_cast(value, CN_FLOAT32);
    int code = value ? (cn_assign_add)(total, cn_multiply(value, rows)) : cn_error_code();
    return code < 0 ? code : (cn_assign_add)(count, rows);
}

cn_tensor *cn__step_loss(cn_step *s)
{
    cn_model *model = s->model;
    cn_tensor *total = NULL;
    cn__attrs over_rows = {.i = {0, 1, 0}};
    cn_tensor *rows = cn__apply1(&cn__op_count_like, &over_rows, s->x[0]);
    rows = rows && rows->dtype != CN_FLOAT32 ? cn_cast(rows, CN_FLOAT32) : rows;
    for (int i = 0; rows && i < s->n_out; i++) {
        if (!model->losses[i]) {
            continue;
        }
        cn_tensor *value = cn_loss_call(model->losses[i], s->y[i], s->out[i], s->w[i]);
        if (!value) {
            return NULL;
        }
        /* Keras 3 weighs the batches of an output's own loss alike: in its graph the number of rows
         * is not known. */
        cn_tensor *weight =
            cn__is_keras3(model->layer.base.keras) ? cn_scalar(1, CN_FLOAT32) : rows;
        if (cn__model_logs_outputs(model) &&
            (!weight || track(model->output_total[i], model->output_count[i], value, weight) < 0)) {
            return NULL;
        }
        if (model->loss_weights_given) {
            value = cn_multiply(value, model->loss_weights[i]);
        }
        total = total ? cn_add(total, value) : value;
    }
    cn_tensor *extra[1024];
    int n = rows ? cn__layer_collect_losses(&model->layer, true, extra, 1024) : 0;
    for (int i = 0; i < n && i < 1024; i++) {
        total = total ? cn_add(total, extra[i]) : extra[i];
    }
    cn__layer_clear_all_losses(&model->layer);
    if (!total) {
        if (!cn__pending()) {
            cn__fail(CN_EVALUE,
                     cn__is_keras3(model->layer.base.keras)
                         ? "No loss to compute. Provide a `loss` argument in `compile()`."
                         : "No loss found. You may have forgotten to provide a `loss` "
                           "argument in the `compile()` method.");
        }
        return NULL;
    }
    return track(model->loss_total, model->loss_count, total, rows) < 0 ? NULL : total;
}

int cn__step_metrics(cn_step *s)
{
    cn_model *model = s->model;
    int code = 0;
    for (int i = 0; code == 0 && i < model->n_metrics; i++) {
        cn__model_metric *m = &model->metrics[i];
        if (m->output < s->feed->n_y && m->output < s->n_out) {
            code = cn_metric_update(m->metric, s->y[m->output], s->out[m->output],
                                    m->weighted ? s->w[m->output] : NULL);
        }
    }
    return code;
}

enum { MAX_WEIGHTS = 8192 };

int cn__step_minimize(cn_step *s, cn_tensor *loss)
{
    cn_model *model = s->model;
    cn_tensor **weights = cn__calloc(2 * MAX_WEIGHTS, sizeof *weights);
    if (!weights) {
        return CN_ENOMEM;
    }
    cn_tensor **grads = weights + MAX_WEIGHTS;
    int n = cn_layer_trainable_weights(&model->layer, weights, MAX_WEIGHTS);
    int code = n < 0 ? n : n > MAX_WEIGHTS ? cn__fail(CN_EVALUE, "fit: too many weights") : 0;
    /* Keras 3 makes the gradients of the scaled loss, which apply_gradients scales back. */
    loss = cn_optimizer_scale_loss(model->optimizer, loss);
    if (code == 0 && n) {
        code = cn__gradients(1, &loss, NULL, n, weights, grads);
    }
    if (code == 0 && n) {
        code = cn_optimizer_apply_gradients(model->optimizer, n, grads, weights);
    }
    cn__free_mem(weights);
    return code;
}

static int trace_body(cn_step *s)
{
    int code = trace_inputs(s);
    if (code == 0 && s->phase != CN__PREDICT && s->model->steps[s->phase].body) {
        return cn__step_custom(s);
    }
    code = code < 0 ? code : cn__step_forward(s);
    if (code < 0 || s->phase == CN__PREDICT) {
        for (int i = 0; code == 0 && i < s->n_out; i++) {
            code = cn__trace_add_output(s->trace, s->out[i]);
        }
        cn__layer_clear_all_losses(&s->model->layer);
        return code;
    }
    cn_tensor *loss = cn__step_loss(s);
    code = loss ? 0 : cn_error_code();
    if (code == 0 && s->phase == CN__TRAIN) {
        code = cn__step_minimize(s, loss);
    }
    return code < 0 ? code : cn__step_metrics(s);
}

/* Metrics and slots are made before the trace, eagerly: what shapes they need is known from a call
 * without a trace. */
static int make_metrics(cn_model *model, const cn__feed *feed)
{
    bool missing = false;
    for (int i = 0; i < model->n_metrics; i++) {
        missing = missing || !model->metrics[i].metric;
    }
    if (!missing) {
        return 0;
    }
    cn_tensor *in[CN__MODEL_MAX_IO], *extra[CN__MODEL_MAX_IO] = {0}, *out[CN__MODEL_MAX_IO] = {0};
    int n = 1;
    if (model->graph) {
        n = model->n_outputs;
        memcpy(out, model->outputs, (size_t)n * sizeof *out);
    } else {
        for (int i = 0; i < feed->n_x; i++) {
            cn_shape shape = batch_shape(feed->x[i], false);
            in[i] = cn__placeholder(input_dtype(model, feed->x[i], i), &shape, NULL);
        }
        cn_call_args args = {.size = sizeof args,
                             .outputs = extra,
                             .max_outputs = CN__MODEL_MAX_IO,
                             .n_outputs = &n};
        out[0] = cn_layer_call_with(model, feed->n_x, in, &args);
        for (int i = 1; i < n && i < CN__MODEL_MAX_IO; i++) {
            out[i] = extra[i - 1];
        }
        cn__layer_clear_all_losses(&model->layer);
    }
    for (int i = 0; !cn__pending() && i < model->n_metrics; i++) {
        cn__model_metric *m = &model->metrics[i];
        if (m->metric || m->output >= feed->n_y || m->output >= n) {
            continue;
        }
        cn_shape y = batch_shape(feed->y[m->output], false);
        m->metric = cn__metric_resolve(m->identifier, &y, &out[m->output]->shape,
                                       model->losses[m->output], model->layer.base.keras);
        if (!m->metric) {
            return cn_error_code();
        }
    }
    return cn__pending() ? cn_error_code() : 0;
}

static int trace_phase(cn_model *model, cn__phase phase, const cn__feed *feed)
{
    cn_step s = {.model = model, .phase = phase, .feed = feed};
    cn_tensor *outer = cn__set_random_counter(model->random_step);
    bool measures = cn__layer_measure(phase != CN__PREDICT);
    s.trace = cn__trace_begin();
    if (s.trace) {
        s.trace->random_counter = model->random_step;
    }
    int users = atomic_load(&model->random_step->object.refs);
    int code = s.trace ? trace_body(&s) : CN_ENOMEM;
    /* Something draws: the next step is to draw something else. */
    if (code == 0 && phase == CN__TRAIN && atomic_load(&model->random_step->object.refs) > users) {
        code = cn_assign_add(model->random_step, 1);
    }
    if (s.trace) {
        cn__trace_end(s.trace);
    }
    cn__layer_measure(measures);
    cn__set_random_counter(outer);
    if (code < 0) {
        cn__unref(s.trace);
        return code;
    }
    cn__model_programs *programs = &model->programs[phase];
    programs->trace = s.trace;
    return 0;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
    h ^= x + 0x9E3779B97F4A7C15u + (h << 6) + (h >> 2);
    return h;
}

/* What a trace depends on, apart from the number of rows. */
static uint64_t signature(const cn__feed *feed)
{
    uint64_t h = (uint64_t)feed->n_x * 131 + (uint64_t)feed->n_y;
    for (int part = 0; part < 2; part++) {
        for (int i = 0; i < (part ? feed->n_y : feed->n_x); i++) {
            const cn_tensor *t = part ? feed->y[i] : feed->x[i];
            h = mix(h, (uint64_t)t->dtype * 16 + (uint64_t)t->shape.rank);
            for (int a = 1; a < t->shape.rank; a++) {
                h = mix(h, (uint64_t)t->shape.dim[a]);
            }
            h = mix(h, part && feed->w[i] ? 7 : 3);
        }
    }
    return h;
}

static int build_optimizer(cn_model *model)
{
    cn_tensor **weights = cn__calloc(MAX_WEIGHTS, sizeof *weights);
    if (!weights) {
        return CN_ENOMEM;
    }
    int n = cn_layer_trainable_weights(&model->layer, weights, MAX_WEIGHTS);
    int code = n < 0 ? n : cn_optimizer_build(model->optimizer, n, weights);
    cn__free_mem(weights);
    return code;
}

/* Metrics that a failing first batch has chosen by its shapes are chosen again by the next. */
static void forget_new_metrics(cn_model *model, const bool *had)
{
    for (int i = 0; i < model->n_metrics; i++) {
        if (!had[i]) {
            cn__unref(model->metrics[i].metric);
            model->metrics[i].metric = NULL;
        }
    }
}

static int prepare(cn_model *model, cn__phase phase, const cn__feed *feed)
{
    bool had[CN__MAX_METRICS];
    for (int i = 0; i < model->n_metrics; i++) {
        had[i] = model->metrics[i].metric != NULL;
    }
    cn__model_programs *programs = &model->programs[phase];
    uint64_t wanted = signature(feed);
    if (programs->trace && programs->version == cn__layers_version() &&
        programs->signature == wanted) {
        return 0;
    }
    for (int i = 0; i < programs->n; i++) {
        cn__unref(programs->programs[i]);
    }
    cn__unref(programs->trace);
    memset(programs, 0, sizeof *programs);
    cn_scope scope = cn_scope_begin();
    int code = build_model(model, feed);
    code = code < 0 ? code : make_variables(model);
    if (code == 0 && phase != CN__PREDICT) {
        if (model->n_losses == 1) {
            for (int i = 1; i < model->n_outputs; i++) {
                model->losses[i] = model->losses[i] ? model->losses[i] : cn__ref(model->losses[0]);
            }
            code = make_variables(model);
        }
        code = code < 0 ? code : make_metrics(model, feed);
    }
    if (code == 0 && phase == CN__TRAIN) {
        code = build_optimizer(model);
    }
    code = code < 0 ? code : trace_phase(model, phase, feed);
    cn_scope_end(scope);
    if (code == 0) {
        programs->version = cn__layers_version();
        programs->signature = wanted;
    } else {
        forget_new_metrics(model, had);
    }
    return code;
}

int cn__model_prepare(cn_model *model, cn__phase phase, const cn__feed *feed)
{
    cn__model_lock(model);
    int code = prepare(model, phase, feed);
    if (phase != CN__PREDICT) {
        model->scored_phase = phase;
    }
    cn__model_unlock(model);
    return code;
}

/* Running
 * ----------------------------------------------------------------------------------------------------------
 */

cn__program *cn__model_program(cn_model *model, cn__phase phase, int64_t rows)
{
    cn__model_programs *programs = &model->programs[phase];
    int oldest = 0;
    for (int i = 0; i < programs->n; i++) {
        if (programs->rows[i] == rows) {
            programs->used[i] = ++model->clock;
            return programs->programs[i];
        }
        oldest = programs->used[i] < programs->used[oldest] ? i : oldest;
    }
    cn_shape shapes[3 * CN__MODEL_MAX_IO];
    for (int i = 0; i < programs->trace->n_inputs; i++) {
        shapes[i] = programs->trace->inputs[i]->shape;
        shapes[i].dim[0] = rows;
    }
    cn__program *program = cn__program_new(programs->trace, rows, shapes);
    if (!program) {
        return NULL;
    }
    int at = programs->n < 16 ? programs->n++ : oldest;
    if (at == oldest && programs->programs[at]) {
        cn__unref(programs->programs[at]);
    }
    programs->programs[at] = program;
    programs->rows[at] = rows;
    programs->used[at] = ++model->clock;
    return program;
}

static cn__source source_of(cn_tensor *t, int64_t row0, const int64_t *index)
{
    return (cn__source){
        .data = cn__data(t), .dtype = t->dtype, .index = index, .row0 = index ? 0 : row0};
}

int cn__model_step(cn_model *model, cn__phase phase, const cn__feed *feed, int64_t row0,
                   int64_t rows, const int64_t *index, void *const *outputs)
{
    cn__program *program = cn__model_acquire(model, phase, feed, rows);
    if (!program) {
        return cn_error_code();
    }
    cn__source sources[3 * CN__MODEL_MAX_IO];
    int n = 0;
    for (int i = 0; i < feed->n_x; i++) {
        sources[n++] = source_of(feed->x[i], row0, index);
    }
    for (int i = 0; phase != CN__PREDICT && i < feed->n_y; i++) {
        sources[n++] = source_of(feed->y[i], row0, index);
    }
    for (int i = 0; phase != CN__PREDICT && i < feed->n_y; i++) {
        bool repeated = !feed->w[i];
        for (int j = 0; j < i; j++) {
            repeated = repeated || feed->w[j] == feed->w[i];
        }
        if (!repeated) {
            sources[n++] = source_of(feed->w[i], row0, index);
        }
    }
    int code = cn__program_run(program, sources, outputs);
    cn__unref(program);
    return code;
}
