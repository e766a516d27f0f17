/* Ops of functional models as files have them: arguments from the attributes of an op, and nodes.
 */
#include "core/error.h"
#include "core/format.h"
#include "core/memory.h"
#include "layers/op_reading.h"

#if CN__HAVE_JANSSON
#include <math.h>
#include <string.h>

typedef struct writing {
    const cn__layer_call *call;
    const cn__op_layer_args *args;
    const cn__op_word *word;
    bool three;
} writing;

static json_t *integer(int64_t value)
{
    return value == CN_NONE ? json_null() : json_integer(value);
}

static json_t *list_of(int n, const int64_t *v)
{
    json_t *list = json_array();
    for (int i = 0; list && i < n; i++) {
        if (json_array_append_new(list, integer(v[i])) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 1e15 ? json_integer((json_int_t)value)
                                                       : real(value);
}

/* Lengths after a reshape, of which one may be open. */
static json_t *reshape_shape(const writing *w)
{
    const cn_shape *in = &w->call->in[0]->shape, *out = &w->call->out_shape[0];
    int64_t lengths[CN_MAX_RANK];
    int open = 0;
    for (int a = 0; a < out->rank; a++) {
        int64_t n = w->args->attrs.i[1 + a];
        lengths[a] = n == CN_NONE ? (a < in->rank ? in->dim[a] : -1) : n;
        open += lengths[a] < 0;
    }
    for (int a = 0; open > 1 && a < out->rank; a++) {
        bool known = lengths[a] < 0 && out->dim[a] >= 0;
        lengths[a] = known ? out->dim[a] : lengths[a];
        open -= known;
    }
    if (open > 1) {
        cn__fail(CN_EUNSUPPORTED, "to_json: a reshape with two unknown lengths");
        return NULL;
    }
    return list_of(out->rank, lengths);
}

static json_t *pads(const writing *w)
{
    json_t *list = json_array();
    for (int a = 0; list && a < w->call->in[0]->shape.rank; a++) {
        int64_t pair[2] = {w->args->attrs.i[a], w->args->attrs.i[8 + a]};
        if (json_array_append_new(list, list_of(2, pair)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *slice_of(const cn__attrs *attrs, int axis, bool three)
{
    bool whole = attrs->i[16 + axis] == 0;
    int64_t start = whole ? CN_NONE : attrs->i[axis], stop = whole ? CN_NONE : attrs->i[8 + axis];
    int64_t step = whole || attrs->i[16 + axis] == 1 ? CN_NONE : attrs->i[16 + axis];
    json_t *slice = json_pack("{s:o, s:o, s:o}", "start", integer(start), "stop",
                              integer(stop == CN_END ? CN_NONE : stop), "step", integer(step));
    return three && slice ? json_pack("{s:s, s:o}", "class_name", "__slice__", "config", slice)
                          : slice;
}

static json_t *slices(const writing *w)
{
    json_t *list = json_array();
    int n = w->call->in[0]->shape.rank;
    while (n > 1 && w->args->attrs.i[16 + n - 1] == 0) {
        n--;
    }
    for (int a = 0; list && a < n; a++) {
        if (json_array_append_new(list, slice_of(&w->args->attrs, a, w->three)) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *axes(const writing *w)
{
    const int64_t *i = w->args->attrs.i;
    if (i[1] == CN_NONE) {
        return w->three ? json_null() : NULL;
    }
    return i[1] == 1 ? json_integer(i[2]) : list_of((int)i[1], i + 2);
}

static json_t *dtype(int64_t value)
{
    return json_string(cn_dtype_name((cn_dtype)value));
}

/* The value of an argument; NULL without an error where it is left out. */
static json_t *value_of(const writing *w, int value)
{
    const cn__attrs *attrs = &w->args->attrs;
    switch (value) {
    case CN__PARAM_INT0: return integer(attrs->i[0]);
    case CN__PARAM_INT1: return integer(attrs->i[1]);
    case CN__PARAM_FLOAT0: return real(attrs->f[0]);
    case CN__PARAM_FLOAT1: return real(attrs->f[1]);
    case CN__PARAM_FLOAT2: return real(attrs->f[2]);
    case CN__PARAM_NUMBER0: return number(attrs->f[0]);
    case CN__PARAM_FLAG_F0: return json_boolean(attrs->f[0] != 0);
    case CN__PARAM_AXES: return axes(w);
    case CN__PARAM_KEEPDIMS: return w->three || attrs->i[0] ? json_boolean(attrs->i[0] != 0) : NULL;
    case CN__PARAM_AXIS_LIST: return list_of(1, attrs->i);
    case CN__PARAM_SHAPE: return reshape_shape(w);
    case CN__PARAM_LENGTHS: return list_of((int)attrs->i[0], attrs->i + 1);
    case CN__PARAM_RESHAPE_AXIS: return integer(attrs->i[CN__RESHAPE_AXIS]);
    case CN__PARAM_DTYPE0: return dtype(attrs->i[0]);
    case CN__PARAM_DTYPE1: return dtype(attrs->i[1]);
    case CN__PARAM_DTYPE_OUT: return dtype((int64_t)w->call->in[0]->dtype);
    case CN__PARAM_PADS: return pads(w);
    case CN__PARAM_PAD_VALUE:
        return attrs->f[0] != 0 ? json_real(attrs->f[0]) : w->three ? json_null() : json_integer(0);
    case CN__PARAM_SLICES: return slices(w);
    case CN__PARAM_NONE: return json_null();
    case CN__PARAM_FALSE: return json_false();
    case CN__PARAM_TRUE: return json_true();
    case CN__PARAM_ZERO: return json_integer(0);
    case CN__PARAM_MINUS_ONE: return json_integer(-1);
    case CN__PARAM_CONSTANT: return json_string(w->three ? "constant" : "CONSTANT");
    case CN__PARAM_TRANSPOSE: return json_string("transpose");
    case CN__PARAM_TRANSPOSE_A: return attrs->i[0] ? json_true() : NULL;
    case CN__PARAM_TRANSPOSE_B: return attrs->i[1] ? json_true() : NULL;
    default: return NULL;
    }
}

/* A float32 as the shortest number that reads back to it, which is what was written in C. */
static double shortest(double value)
{
    char text[40];
    json_t *number =
        json_loads(cn__format_float((float)value, text, sizeof text), JSON_DECODE_ANY, NULL);
    double result = json_is_number(number) ? json_number_value(number) : value;
    json_decref(number);
    return result;
}

static json_t *nested_list(const cn_tensor *t, int axis, int64_t *at)
{
    if (axis == t->shape.rank) {
        double value = cn__read(t->dtype, cn__data(t), (*at)++);
        return t->dtype == CN_BOOL            ? json_boolean(value != 0)
               : cn__dtype_is_float(t->dtype) ? real(value)
                                              : json_integer((json_int_t)value);
    }
    json_t *list = json_array();
    for (int64_t i = 0; list && i < t->shape.dim[axis]; i++) {
        json_t *part = nested_list(t, axis + 1, at);
        if (!part || json_array_append_new(list, part) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* A number of C as such; a tensor as its elements. */
static json_t *constant(const writing *w, const cn_tensor *t)
{
    cn__weak number_kind = t->weak ? t->weak : t->number;
    int64_t at = 0;
    if (!cn__data(t)) {
        return NULL;
    }
    if (number_kind) {
        double value = cn__read(t->dtype, cn__data(t), 0);
        return number_kind == CN__WEAK_INTEGER
                   ? json_integer((json_int_t)value)
                   : real(t->dtype == CN_FLOAT64 ? value : shortest(value));
    }
    json_t *list = nested_list(t, 0, &at);
    if (!w->three || !list) {
        return list;
    }
    return json_pack("{s:s, s:{s:o, s:s}}", "class_name", "__tensor__", "config", "value", list,
                     "dtype", cn_dtype_name(t->dtype));
}

static json_t *tensor_at(const writing *w, int i)
{
    const cn_tensor *t = w->call->in[i];
    return t->storage ? constant(w, t) : json_pack("{s:i}", "#", i);
}

static int set(json_t *object, const char *key, json_t *value)
{
    if (!value) {
        return cn__pending() ? cn_error_code() : 0;
    }
    return json_object_set_new(object, key, value) < 0 ? cn__no_memory() : 0;
}

static int add_inputs(const writing *w, json_t *args, json_t *kwargs)
{
    int n = w->call->n_in, code = 0;
    json_t *list = w->word->list ? json_array() : args;
    for (int i = 0; code == 0 && i < n; i++) {
        json_t *value = tensor_at(w, i);
        if (!value) {
            code = cn__pending() ? cn_error_code() : cn__no_memory();
        } else if (i == 0 || w->three || w->word->list) {
            code = json_array_append_new(list, value) < 0 ? cn__no_memory() : 0;
        } else {
            const char *key = w->word->inputs[i - 1];
            code = set(kwargs, key ? key : "y", value);
        }
    }
    if (w->word->list && code == 0) {
        return json_array_append_new(args, list) < 0 ? cn__no_memory() : 0;
    }
    if (w->word->list) {
        json_decref(list);
    }
    return code;
}

static int add_params(const writing *w, json_t *args, json_t *kwargs)
{
    int code = 0;
    for (int i = 0; code == 0 && i < 4; i++) {
        const cn__op_param *p = &w->word->params[i];
        if (w->three && p->three && *p->three == '*') {
            json_t *value = value_of(w, p->value);
            if (p->three[1]) {
                code = set(kwargs, p->three + 1, value);
            } else if (value) {
                code = json_array_append_new(args, value) < 0 ? cn__no_memory() : 0;
            } else {
                code = cn__no_memory();
            }
        } else if (!w->three && p->two) {
            code = set(kwargs, p->two, value_of(w, p->value));
        }
    }
    return code == 0 && w->word->named && !w->three ? set(kwargs, "name", json_null()) : code;
}

/* What of an op no version of the function says. */
static int check(const writing *w)
{
    const cn__op *op = w->args->op;
    const cn__attrs *a = &w->args->attrs;
    bool transposed = w->three && op == &cn__op_matmul && (a->i[0] || a->i[1]);
    bool alpha = !w->three && op == &cn__op_elu && a->f[0] != 1;
    bool flat = !w->three && (op == &cn__op_argmax || op == &cn__op_argmin) && a->i[0] == CN_NONE;
    bool back = (op == &cn__op_cumsum || op == &cn__op_cumprod) && a->i[1];
    if (w->word && !transposed && !alpha && !flat && !back) {
        return 0;
    }
    return cn__fail(CN_EUNSUPPORTED,
                    "to_json: the op '%s' of layer '%s' has no counterpart in %s; put it into a "
                    "layer",
                    op->name, w->call->layer->base.name, w->three ? "Keras 3" : "tf.keras");
}

static writing writing_of(const cn__layer_call *call)
{
    const cn__op_layer_args *args = call->layer->base.args;
    bool three = cn__is_keras3(call->layer->base.keras);
    return (writing){call, args, cn__op_word_of(args->op, &args->attrs, three), three};
}

/* {"args", "kwargs"} of an op that was applied in C. */
static json_t *node_of(const cn__layer_call *call)
{
    writing w = writing_of(call);
    if (check(&w) < 0) {
        return NULL;
    }
    json_t *args = json_array(), *kwargs = json_object();
    int code = args && kwargs ? add_inputs(&w, args, kwargs) : cn__no_memory();
    if (code == 0) {
        code = add_params(&w, args, kwargs);
    }
    if (code < 0) {
        json_decref(args);
        json_decref(kwargs);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "args", args, "kwargs", kwargs);
}

typedef struct placing {
    const cn__layer_call *call;
    json_t *(*tensor)(void *user, const cn_tensor *t);
    void *user;
} placing;

/* A copy with tensors in place of {"#": n}. */
static json_t *placed(const placing *p, const json_t *value)
{
    const json_t *index = json_object_get(value, "#");
    const char *key;
    json_t *item, *object = (json_t *)(uintptr_t)value, *copy = NULL;
    if (index) {
        return p->tensor(p->user, p->call->in[json_integer_value(index)]);
    }
    if (!json_is_array(value) && !json_is_object(value)) {
        return json_incref(object);
    }
    copy = json_is_array(value) ? json_array() : json_object();
    for (size_t i = 0; copy && i < json_array_size(value); i++) {
        json_t *part = placed(p, json_array_get(value, i));
        if (!part || json_array_append_new(copy, part) < 0) {
            json_decref(copy);
            return NULL;
        }
    }
    json_object_foreach(object, key, item)
    {
        json_t *part = copy ? placed(p, item) : NULL;
        if (!part || json_object_set_new(copy, key, part) < 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

/* [name, node, tensor, kwargs], or ["_CONSTANT_VALUE", -1, value, kwargs]. */
static json_t *keras2_entry(const placing *p, const json_t *argument, json_t *kwargs)
{
    json_t *entry = json_object_get(argument, "#")
                        ? placed(p, argument)
                        : json_pack("[s, i, O]", "_CONSTANT_VALUE", -1, argument);
    if (entry && json_array_append(entry, kwargs) < 0) {
        json_decref(entry);
        return NULL;
    }
    return entry;
}

static json_t *keras2_node(const placing *p, const json_t *node, bool listed)
{
    const json_t *first = json_array_get(json_object_get(node, "args"), 0);
    json_t *kwargs = placed(p, json_object_get(node, "kwargs")), *result = NULL;
    if (kwargs && !listed) {
        result = keras2_entry(p, first, kwargs);
    } else if (kwargs) {
        result = json_array();
        for (size_t i = 0; result && i < json_array_size(first); i++) {
            json_t *entry = keras2_entry(p, json_array_get(first, i), kwargs);
            if (!entry || json_array_append_new(result, entry) < 0) {
                json_decref(result);
                result = NULL;
            }
        }
    }
    json_decref(kwargs);
    return result;
}

/* What a file said, or what the op says; a new reference. */
static json_t *own_node(const cn__layer_call *call)
{
    const cn__op_state *state = call->layer->state;
    return state->node ? json_incref(state->node) : node_of(call);
}

static bool is_listed(const cn__layer_call *call)
{
    const cn__op_layer_args *args = call->layer->base.args;
    writing w = writing_of(call);
    return args->op ? w.word && w.word->list : args->listed;
}

json_t *cn__op_layer_node(const cn__layer_call *call,
                          json_t *(*tensor)(void *user, const cn_tensor *t), void *user)
{
    placing p = {call, tensor, user};
    json_t *node = own_node(call);
    json_t *result = !node ? NULL
                     : cn__is_keras3(call->layer->base.keras)
                         ? placed(&p, node)
                         : keras2_node(&p, node, is_listed(call));
    json_decref(node);
    if (!result && !cn__pending()) {
        cn__no_memory();
    }
    return result;
}

/* The shape of a first argument, the shapes of a list, [] of a number. */
json_t *cn__op_layer_build_config(const cn__layer_call *call)
{
    json_t *node = own_node(call);
    const json_t *first = json_array_get(json_object_get(node, "args"), 0);
    const json_t *index = json_object_get(first, "#");
    json_t *shapes = NULL;
    if (index) {
        shapes = cn__json_shape(&call->in[json_integer_value(index)]->shape);
    } else if (is_listed(call)) {
        shapes = json_array();
        for (int i = 0; shapes && i < call->n_in; i++) {
            if (json_array_append_new(shapes, cn__json_shape(&call->in[i]->shape)) < 0) {
                json_decref(shapes);
                shapes = NULL;
            }
        }
    } else {
        shapes = json_array();
        for (; shapes && json_is_array(first); first = json_array_get(first, 0)) {
            json_array_append_new(shapes, json_integer((json_int_t)json_array_size(first)));
        }
    }
    json_decref(node);
    return shapes ? json_pack("{s:o}", "input_shape", shapes) : NULL;
}

/* {"name", "trainable", "dtype", "function"} of tf.keras; in Keras 3 the name and what the
 * constructor got, which for an op applied in C depends on its call. */
int cn__op_layer_write_config(const cn_layer *layer, int dialect, json_t *config)
{
    const cn__op_layer_args *args = layer->base.args;
    const cn__op_state *state = layer->state;
    int code = 0;
    if (dialect != CN__DIALECT_KERAS3) {
        return set(config, "function", args->function ? json_string(args->function) : json_null());
    }
    json_object_clear(config);
    code = set(config, "name", json_string(layer->base.name));
    if (state->extras) {
        return json_object_update(config, state->extras) < 0 ? cn__no_memory() : code;
    }
    return code;
}

int cn__op_layer_write_extras(const cn__layer_call *call, json_t *config)
{
    const cn__op_layer_args *args = call->layer->base.args;
    if (!args->op || !cn__is_keras3(call->layer->base.keras)) {
        return 0;
    }
    writing w = writing_of(call);
    int code = check(&w);
    for (int i = 0; code == 0 && i < 4; i++) {
        const cn__op_param *p = &w.word->params[i];
        if (p->three && *p->three != '*') {
            code = set(config, p->three, value_of(&w, p->value));
        }
    }
    return code;
}
#else
typedef int cn__no_json;
#endif
