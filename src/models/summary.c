/* model.summary(): what is shown of layers in every version of Keras; the tables are in
 * summary_rows.c and summary_rich.c. */
#include "models/summary.h"

#include "core/error.h"
#include "core/memory.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t cn__utf8_length(const char *text)
{
    int64_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

const char *cn__utf8_at(const char *text, int64_t n)
{
    while (*text && (n > 0 || ((unsigned char)*text & 0xc0) == 0x80)) {
        n -= ((unsigned char)*text & 0xc0) != 0x80;
        if (n < 0) {
            break;
        }
        text++;
    }
    return text;
}

int cn__summary_line(cn__summary *s, const char *line)
{
    if (!s->args.print_fn) {
        return puts(line) < 0 ? cn__fail(CN_EIO, "summary: standard output cannot be written") : 0;
    }
    /* Keras 3 hands its print_fn the whole table as one text. */
    if (cn__is_keras3(s->keras) && !s->args.printed) {
        cn__text_add(&s->whole, "%s\n", line);
        return s->whole.failed ? CN_ENOMEM : 0;
    }
    int code = s->args.print_fn(line, s->args.user);
    if (code < 0 && !cn__pending()) {
        return cn__fail(code, "summary: print_fn failed with code %d", code);
    }
    return code < 0 ? code : 0;
}

int cn__count_trainable(const cn_model *model, bool trainable, cn__param_count *out)
{
    cn__tensor_list list = {0};
    int code = cn__layer_gather(&model->layer,
                                trainable ? CN__TRAINABLE_WEIGHTS : CN__FROZEN_WEIGHTS, &list);
    for (int64_t i = 0; code == 0 && i < list.n; i++) {
        out->count += cn__size(list.v[i]);
        out->bytes += (int64_t)cn__bytes(list.v[i]);
    }
    cn__free_mem(list.v);
    return code;
}

char *cn__readable_size(int64_t bytes, const char *unit, char *buffer, size_t size)
{
    const char *const units[] = {unit, "KB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    int i = 0;
    while (i < 6 && value / 1024 >= 1) {
        value /= 1024;
        i++;
    }
    snprintf(buffer, size, "%.2f %s", value, units[i < 6 ? i : 5]);
    /* A program may have chosen a locale with decimal commas. */
    char *comma = strchr(buffer, ',');
    if (comma) {
        *comma = '.';
    }
    return buffer;
}

const cn_model *cn__summary_nested(const cn_layer *layer)
{
    return layer->base.object.kind == CN__MODEL && layer->n_sublayers ? (const cn_model *)layer
                                                                      : NULL;
}

/* "[(None, 3), (None, 3)]" of several outputs. */
static void add_shapes(cn__text *text, const cn_shape *shapes, int n, bool list)
{
    char shape[256];
    cn__text_add(text, "%s", list ? "[" : "");
    for (int i = 0; i < n; i++) {
        cn__text_add(text, "%s%s", i ? ", " : "", cn__shape_text(&shapes[i], shape, sizeof shape));
    }
    cn__text_add(text, "%s", list ? "]" : "");
}

static bool same_outputs(const cn__layer_call *a, const cn__layer_call *b)
{
    bool same = a->n_out == b->n_out;
    for (int i = 0; same && i < a->n_out; i++) {
        same = cn__shape_equal(&a->out_shape[i], &b->out_shape[i]);
    }
    return same;
}

/* A layer outside any graph: tf.keras says "multiple"; Keras 3 works out what a built one gives. */
static char *shape_of_loose(const cn__summary *s, cn_layer *layer)
{
    cn_shape shape;
    cn__text text = {0};
    if (!cn__is_keras3(s->keras)) {
        return cn__strdup("multiple");
    }
    if (!layer->built || !layer->n_input_shapes) {
        return cn__strdup("?");
    }
    if (cn_layer_compute_output_shape(layer, layer->input_shapes, layer->n_input_shapes, &shape) <
        0) {
        return NULL;
    }
    add_shapes(&text, &shape, 1, false);
    return cn__text_take(&text);
}

static char *shape_of_calls(const cn__summary *s, cn_layer *layer, cn__layer_call *const *calls,
                            int n)
{
    const cn__layer_call *last = NULL;
    bool several = false;
    cn__text text = {0};
    for (int i = 0; i < n; i++) {
        if (calls[i]->layer == layer) {
            several = several || (last && !same_outputs(last, calls[i]));
            last = calls[i];
        }
    }
    if (!last) {
        return shape_of_loose(s, layer);
    }
    if (several && !cn__is_keras3(s->keras)) {
        return cn__strdup("multiple");
    }
    add_shapes(&text, last->out_shape, last->n_out, last->n_out > 1);
    return cn__text_take(&text);
}

char *cn__summary_shape(const cn__summary *s, const cn_model *container, const cn_layer *layer)
{
    cn_layer *own = (cn_layer *)(uintptr_t)layer;
    cn_shape shape;
    if (cn__is_input_layer(layer) && cn__layer_input_shape(layer, &shape)) {
        cn__text text = {0};
        add_shapes(&text, &shape, 1, !cn__is_keras3(s->keras) && !cn__is_multi_backend(s->keras));
        return cn__text_take(&text);
    }
    if (container == s->model) {
        return shape_of_calls(s, own, s->calls, s->n_calls);
    }
    int n = cn__model_calls(container, NULL, 0);
    cn__layer_call **calls = cn__malloc((size_t)(n + 1) * sizeof *calls);
    if (!calls) {
        return NULL;
    }
    n = cn__model_calls(container, calls, n);
    char *text = shape_of_calls(s, own, calls, n);
    cn__free_mem(calls);
    return text;
}

static char *connection_of(const cn_tensor *t)
{
    const cn__layer_call *call = cn__history(t);
    int output = cn__layer_call_output(t);
    if (call && output >= 0) {
        return cn__printf("%s[%d][%d]", call->layer->base.name, call->n_in ? call->index : 0,
                          output);
    }
    return cn__printf("%s[0][%d]", t->node ? t->node->op->name : "constant", t->output);
}

char *cn__summary_connection(const cn__summary *s, const cn_layer *layer, int n)
{
    for (int i = 0; i < s->n_calls; i++) {
        const cn__layer_call *call = s->calls[i];
        if (call->layer != layer) {
            continue;
        }
        for (int k = 0; k < call->n_in; k++) {
            /* Numbers and arrays that an op was given come from nowhere. */
            if (!call->in[k]->storage && n-- == 0) {
                return connection_of(call->in[k]);
            }
        }
    }
    return NULL;
}

static int range_mismatch(const cn_summary_args *args)
{
    return cn__fail(
        CN_EVALUE,
        "Passed layer_names do not match the layer names in the model. Received: ['%s', '%s']",
        args->layer_range[0], args->layer_range[1]);
}

/* The first and last layer whose name begins with a match; as Python's re.match. */
static int match_names(const cn_model *model, const char *pattern, int *first, int *last)
{
    regex_t regex;
    char *anchored = cn__printf("^(%s)", pattern);
    *first = *last = -1;
    if (!anchored) {
        return CN_ENOMEM;
    }
    int failed = regcomp(&regex, anchored, REG_EXTENDED | REG_NOSUB);
    cn__free_mem(anchored);
    if (failed) {
        return cn__fail(CN_EVALUE, "summary: layer_range: '%s' is not a regular expression",
                        pattern);
    }
    for (int i = 0; i < (int)model->layer.n_sublayers; i++) {
        if (regexec(&regex, model->layer.sublayers[i]->base.name, 0, NULL, 0) == 0) {
            *first = *first < 0 ? i : *first;
            *last = i;
        }
    }
    regfree(&regex);
    return 0;
}

static int find_range(cn__summary *s)
{
    int lower[2], upper[2];
    s->last = (int)s->model->layer.n_sublayers;
    if (!s->args.layer_range[0] && !s->args.layer_range[1]) {
        return 0;
    }
    if (!s->args.layer_range[0] || !s->args.layer_range[1]) {
        return cn__fail(CN_EVALUE,
                        "layer_range must be a list or tuple of length 2. Received: one name");
    }
    int code = match_names(s->model, s->args.layer_range[0], &lower[0], &lower[1]);
    if (code == 0) {
        code = match_names(s->model, s->args.layer_range[1], &upper[0], &upper[1]);
    }
    if (code == 0 && (lower[0] < 0 || upper[0] < 0)) {
        code = range_mismatch(&s->args);
    }
    if (code < 0) {
        return code;
    }
    bool swapped = lower[0] > upper[1];
    s->first = swapped ? upper[0] : lower[0];
    s->last = (swapped ? lower[1] : upper[1]) + 1;
    return 0;
}

static int unbuilt(int keras)
{
    if (keras >= 207 && !cn__is_multi_backend(keras)) {
        return cn__fail(CN_ESTATE,
                        "This model has not yet been built. Build the model first by calling "
                        "`build()` or by calling the model on a batch of data.");
    }
    return cn__fail(CN_ESTATE,
                    "This model has not yet been built. Build the model first by calling `build()` "
                    "or calling `fit()` with some data, or specify an `input_shape` argument in "
                    "the first layer(s) for automatic build.");
}

static int print_table(cn__summary *s)
{
    int code = find_range(s);
    if (code < 0) {
        return code;
    }
    s->connected = s->model->type == CN__FUNCTIONAL && !cn__plan_is_chain(s->model);
    s->n_columns = 3 + s->connected + s->args.show_trainable;
    s->n_calls = cn__model_calls(s->model, NULL, 0);
    s->calls = cn__malloc((size_t)(s->n_calls + 1) * sizeof *s->calls);
    if (!s->calls) {
        return CN_ENOMEM;
    }
    s->n_calls = cn__model_calls(s->model, s->calls, s->n_calls);
    code = cn__is_keras3(s->keras) ? cn__summary_rich(s) : cn__summary_rows(s);
    cn__free_mem(s->calls);
    char *whole = code == 0 && s->whole.length ? cn__text_take(&s->whole) : NULL;
    if (whole && s->args.print_fn(whole, s->args.user) < 0 && !cn__pending()) {
        code = cn__fail(CN_EVALUE, "summary: print_fn failed");
    }
    cn__free_mem(whole);
    cn__text_free(&s->whole);
    return code < 0 ? code : cn__pending() ? cn_error_code() : 0;
}

int cn_model_summary_with(cn_model *model, const cn_summary_args *args)
{
    if (!cn__check_model(model, "cn_model_summary")) {
        return cn_error_code();
    }
    cn__summary s = {.model = model, .keras = model->layer.base.keras};
    if (args) {
        if (!args->size) {
            return cn__fail(CN_EVALUE,
                            "cn_model_summary: the size of the argument struct is not set");
        }
        memcpy(&s.args, args, args->size < sizeof s.args ? args->size : sizeof s.args);
    }
    if (!model->layer.built && !cn__is_keras3(s.keras)) {
        return unbuilt(s.keras);
    }
    cn_scope scope = cn_scope_begin();
    int code = print_table(&s);
    cn_scope_end(scope);
    return code;
}
