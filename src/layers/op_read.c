/* Ops as files call them: arguments by place or name, and what each op does with them. */
#include "core/error.h"
#include "core/memory.h"
#include "layers/op_reading.h"

#if CN__HAVE_JANSSON
#include <math.h>
#include <string.h>

int cn__op_refuse(const cn__op_reading *r, const char *what)
{
    return cn__fail(CN_EUNSUPPORTED, "Layer '%s' (%s): %s, which Cornu does not read",
                    r->layer->base.name, r->layer->base.class->name, what);
}

const json_t *cn__op_arg(const cn__op_reading *reading, int place, const char *two,
                         const char *three)
{
    cn__op_reading *r = (cn__op_reading *)(uintptr_t)reading;
    const char *key = r->three ? three : two;
    if (r->three && place > 0 && (size_t)place < json_array_size(r->args)) {
        return json_array_get(r->args, (size_t)place);
    }
    if (!key) {
        return NULL;
    }
    if (r->n_used < 16) {
        r->used[r->n_used++] = key;
    }
    const json_t *value = json_object_get(r->kwargs, key);
    return value ? value : json_object_get(r->extras, key);
}

/* Numbers of nested lists, one behind the other; false if they are not a regular array. */
static bool read_array(const json_t *list, int depth, cn_shape *shape, double *out, int64_t *n,
                       bool *real)
{
    if (!json_is_array(list)) {
        bool boolean = json_is_boolean(list);
        if ((!json_is_number(list) && !boolean) || (depth != shape->rank)) {
            return false;
        }
        *real = *real || json_is_real(list);
        if (out) {
            out[*n] = boolean ? json_is_true(list) : json_number_value(list);
        }
        ++*n;
        return true;
    }
    int64_t length = (int64_t)json_array_size(list);
    if (depth >= CN_MAX_RANK || depth >= shape->rank || shape->dim[depth] != length) {
        return false;
    }
    for (int64_t i = 0; i < length; i++) {
        if (!read_array(json_array_get(list, (size_t)i), depth + 1, shape, out, n, real)) {
            return false;
        }
    }
    return true;
}

static cn_tensor *constant(const cn__op_reading *r, const json_t *value, const char *dtype_name)
{
    cn_shape shape = {0};
    const json_t *inner = value;
    for (; json_is_array(inner) && shape.rank < CN_MAX_RANK; inner = json_array_get(inner, 0)) {
        shape.dim[shape.rank++] = (int64_t)json_array_size(inner);
    }
    int64_t n = 0, again = 0;
    bool real = false;
    if (!read_array(value, 0, &shape, NULL, &n, &real)) {
        cn__op_refuse(r, "an argument is neither a tensor nor an array of numbers");
        return NULL;
    }
    cn_dtype dtype = dtype_name ? cn_dtype_from_name(dtype_name) : real ? CN_FLOAT32 : CN_INT32;
    double *numbers = dtype ? cn__calloc((size_t)n + 1, sizeof *numbers) : NULL;
    cn_tensor *t = NULL;
    if (numbers) {
        read_array(value, 0, &shape, numbers, &again, &real);
        t = cn_tensor_new(CN_FLOAT64, shape.rank, shape.dim, numbers);
        t = t ? cn_cast(t, dtype) : NULL;
    }
    cn__free_mem(numbers);
    return t;
}

cn_tensor *cn__op_tensor(const cn__op_reading *r, const json_t *value)
{
    const json_t *index = json_object_get(value, "#");
    if (index) {
        int64_t i = (int64_t)json_integer_value(index);
        return i < r->n_in ? r->in[i] : NULL;
    }
    const char *class_name = json_string_value(json_object_get(value, "class_name"));
    if (class_name &&
        (strcmp(class_name, "__tensor__") == 0 || strcmp(class_name, "__numpy__") == 0)) {
        const json_t *config = json_object_get(value, "config");
        const char *dtype = json_string_value(json_object_get(config, "dtype"));
        return constant(r, json_object_get(config, "value"), dtype ? dtype : "float32");
    }
    if (json_is_integer(value)) {
        return cn__integer((int64_t)json_integer_value(value));
    }
    if (json_is_real(value)) {
        return cn__number(json_real_value(value));
    }
    if (json_is_array(value)) {
        return constant(r, value, NULL);
    }
    if (!cn__pending()) {
        cn__op_refuse(r, "an argument is neither a tensor nor a number");
    }
    return NULL;
}

static cn_tensor *first(const cn__op_reading *r)
{
    return cn__op_tensor(r, json_array_get(r->args, 0));
}

static cn_tensor *other(const cn__op_reading *r, int place, const char *two, const char *three)
{
    return cn__op_tensor(r, cn__op_arg(r, place, two, three));
}

static int64_t integer(const cn__op_reading *r, const char *two, const char *three,
                       int64_t otherwise)
{
    const json_t *value = cn__op_arg(r, 0, two, three);
    if (!value || json_is_null(value)) {
        return otherwise;
    }
    if (json_array_size(value) == 1) {
        value = json_array_get(value, 0);
    }
    if (!json_is_integer(value) && !json_is_boolean(value)) {
        cn__op_refuse(r, "an argument that should be an integer is none");
        return otherwise;
    }
    return json_is_boolean(value) ? json_is_true(value) : (int64_t)json_integer_value(value);
}

static double number(const cn__op_reading *r, const char *two, const char *three, double otherwise)
{
    const json_t *value = cn__op_arg(r, 0, two, three);
    if (!value || json_is_null(value)) {
        return otherwise;
    }
    if (!json_is_number(value)) {
        cn__op_refuse(r, "an argument that should be a number is none");
    }
    return json_number_value(value);
}

/* How many integers a list has, or -1 and an error; a single number is a list of one. */
static int integers(const cn__op_reading *r, const json_t *value, int64_t *out)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n && n <= CN_MAX_RANK; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_integer(item) && !json_is_null(item)) {
            n = CN_MAX_RANK + 1;
        } else {
            out[i] = json_is_null(item) ? -1 : (int64_t)json_integer_value(item);
        }
    }
    if (n > CN_MAX_RANK) {
        cn__op_refuse(r, "an argument that should be a list of integers is none");
        return -1;
    }
    return (int)n;
}

/* clang-format off */
#define READER(name) cn_tensor *cn__op_read_##name(cn__op_reading *r)
/* clang-format on */

READER(round)
{
    return integer(r, NULL, "decimals", 0) ? (cn__op_refuse(r, "it rounds to decimals"), NULL)
                                           : cn_round(first(r));
}

static cn_tensor *reduced(cn__op_reading *r,
                          cn_tensor *(*reduce)(cn_tensor *x, const cn_reduce_args *args))
{
    cn_reduce_args args = {.size = sizeof args, CN_REDUCE_DEFAULTS};
    const json_t *axis = cn__op_arg(r, 0, "axis", "axis");
    if (axis && !json_is_null(axis)) {
        args.axis.n = integers(r, axis, args.axis.v);
    }
    args.keepdims = integer(r, "keepdims", "keepdims", 0) != 0;
    return args.axis.n < 0 ? NULL : reduce(first(r), &args);
}

#define REDUCER(name)                                                                              \
    READER(name)                                                                                   \
    {                                                                                              \
        return reduced(r, cn_##name##_with);                                                       \
    }
REDUCER(sum)
REDUCER(mean)
REDUCER(max)
REDUCER(min)
REDUCER(prod)
REDUCER(any)
REDUCER(all)
REDUCER(logsumexp)
REDUCER(std)
REDUCER(var)

/* Without an axis tf.argmax takes the first, Keras 3 the flat tensor. */
READER(argmax)
{
    return cn_argmax(first(r), integer(r, "axis", "axis", r->three ? CN_NONE : 0));
}

READER(argmin)
{
    return cn_argmin(first(r), integer(r, "axis", "axis", r->three ? CN_NONE : 0));
}

#define ALONG(name, otherwise)                                                                     \
    READER(name)                                                                                   \
    {                                                                                              \
        return cn_##name(first(r), (int)integer(r, "axis", "axis", otherwise));                    \
    }
ALONG(cumsum, 0)
ALONG(cumprod, 0)
ALONG(softmax, -1)
ALONG(log_softmax, -1)
ALONG(sparsemax, -1)
ALONG(glu, -1)
ALONG(sort, -1)
ALONG(argsort, -1)

READER(flip)
{
    int64_t axes[CN_MAX_RANK] = {0};
    const json_t *axis = cn__op_arg(r, 0, "axis", "axis");
    cn_tensor *x = first(r);
    int n = 0;
    if (axis && !json_is_null(axis)) {
        n = integers(r, axis, axes);
    } else {
        for (n = 0; x && n < x->shape.rank; n++) {
            axes[n] = n;
        }
    }
    for (int i = 0; i < n; i++) {
        x = cn_flip(x, (int)axes[i]);
    }
    return x;
}

READER(roll)
{
    int64_t shift = integer(r, "shift", "shift", 0);
    return cn_roll(first(r), shift, (int)integer(r, "axis", "axis", 0));
}

READER(repeat)
{
    int64_t repeats = integer(r, "repeats", "repeats", 1);
    return cn_repeat(first(r), repeats, (int)integer(r, "axis", "axis", 0));
}

READER(tile)
{
    int64_t repeats[CN_MAX_RANK] = {0};
    int n = integers(r, cn__op_arg(r, 0, "multiples", "repeats"), repeats);
    return n < 0 ? NULL : cn_tile(first(r), n, repeats);
}

READER(top_k)
{
    r->n_out = 2;
    integer(r, "sorted", "sorted", 1);
    return cn_top_k(first(r), integer(r, "k", "k", 1), &r->out[1]);
}

READER(tril)
{
    return cn_tril(first(r), (int)integer(r, NULL, "k", 0));
}

READER(triu)
{
    return cn_triu(first(r), (int)integer(r, NULL, "k", 0));
}

static cn_dtype dtype_of(const cn__op_reading *r, const char *otherwise)
{
    const char *name = json_string_value(cn__op_arg(r, 0, "dtype", "dtype"));
    return cn_dtype_from_name(name ? name : otherwise);
}

READER(one_hot)
{
    if (integer(r, "axis", "axis", -1) != -1) {
        cn__op_refuse(r, "the new axis is not the last");
    }
    int64_t classes = integer(r, "depth", "num_classes", 1);
    cn_dtype dtype = dtype_of(r, "float32");
    return dtype ? cn_one_hot(first(r), classes, dtype) : NULL;
}

READER(gather)
{
    if (integer(r, "batch_dims", NULL, 0) != 0) {
        cn__op_refuse(r, "it has batch_dims");
    }
    return cn_gather(first(r), other(r, 1, "indices", "indices"),
                     (int)integer(r, "axis", "axis", 0));
}

READER(pad)
{
    int64_t before[CN_MAX_RANK] = {0}, after[CN_MAX_RANK] = {0}, both[CN_MAX_RANK];
    const json_t *pads = cn__op_arg(r, 0, "paddings", "pad_width");
    const char *mode = json_string_value(cn__op_arg(r, 0, "mode", "mode"));
    cn_tensor *x = first(r);
    if (mode && strcmp(mode, "CONSTANT") != 0 && strcmp(mode, "constant") != 0) {
        cn__op_refuse(r, "it pads with more than a constant");
    }
    if (x && json_array_size(pads) != (size_t)x->shape.rank) {
        cn__op_refuse(r, "paddings are not a pair for each axis");
    }
    for (int i = 0; x && !cn__pending() && i < x->shape.rank; i++) {
        if (integers(r, json_array_get(pads, (size_t)i), both) == 2) {
            before[i] = both[0];
            after[i] = both[1];
        }
    }
    return cn_pad(x, before, after, number(r, "constant_values", "constant_values", 0));
}

READER(reshape)
{
    int64_t shape[CN_MAX_RANK] = {0};
    int n = integers(r, cn__op_arg(r, 0, "shape", "newshape"), shape);
    return n < 0 ? NULL : cn_reshape_to(first(r), n, shape);
}

READER(expand_dims)
{
    return cn_expand_dims(first(r), (int)integer(r, "axis", "axis", 0));
}

READER(squeeze)
{
    return cn_squeeze(first(r), integer(r, "axis", "axis", CN_NONE));
}

READER(transpose)
{
    int64_t axes[CN_MAX_RANK] = {0};
    const json_t *given = cn__op_arg(r, 0, "perm", "axes");
    int n = given && !json_is_null(given) ? integers(r, given, axes) : 0;
    return n < 0 ? NULL : cn_transpose_axes(first(r), n, axes);
}

READER(broadcast_to)
{
    int64_t shape[CN_MAX_RANK] = {0};
    int n = integers(r, cn__op_arg(r, 0, "shape", "shape"), shape);
    return n < 0 ? NULL : cn_broadcast_to(first(r), n, shape);
}

/* The tensors of a first argument that is a list; -1 and an error if it is none. */
static int list_of(const cn__op_reading *r, cn_tensor **out)
{
    const json_t *list = json_array_get(r->args, 0);
    size_t n = json_array_size(list);
    if (!n || n > CN__MAX_INPUTS) {
        return cn__op_refuse(r, "its first argument is not a list of tensors");
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = cn__op_tensor(r, json_array_get(list, i));
        if (!out[i]) {
            return cn_error_code();
        }
    }
    return (int)n;
}

READER(concatenate)
{
    cn_tensor *parts[CN__MAX_INPUTS];
    int n = list_of(r, parts);
    return n < 0 ? NULL
                 : cn_concatenate_of(n, parts, (int)integer(r, "axis", "axis", r->three ? -1 : 0));
}

READER(stack)
{
    cn_tensor *parts[CN__MAX_INPUTS];
    int n = list_of(r, parts);
    return n < 0 ? NULL : cn_stack_of(n, parts, (int)integer(r, "axis", "axis", 0));
}

READER(add_n)
{
    cn_tensor *parts[CN__MAX_INPUTS];
    int n = list_of(r, parts);
    cn_tensor *sum = n < 0 ? NULL : parts[0];
    for (int i = 1; i < n; i++) {
        sum = cn_add(sum, parts[i]);
    }
    return n == 1 ? cn_identity(sum) : sum;
}

READER(matmul)
{
    bool a = integer(r, "transpose_a", NULL, 0) != 0, b = integer(r, "transpose_b", NULL, 0) != 0;
    return cn_matmul_t(first(r), other(r, 1, "b", "x2"), a, b);
}

READER(where)
{
    return cn_where(first(r), other(r, 1, "x", "x1"), other(r, 2, "y", "x2"));
}

READER(cast)
{
    cn_dtype dtype = dtype_of(r, "float32");
    return dtype ? cn_cast(first(r), dtype) : NULL;
}

READER(clip)
{
    double low = number(r, "clip_value_min", "x_min", -INFINITY);
    return cn_clip(first(r), low, number(r, "clip_value_max", "x_max", INFINITY));
}

READER(leaky_relu)
{
    return cn_leaky_relu(first(r), number(r, "alpha", "negative_slope", 0.2));
}

READER(elu)
{
    return cn_elu(first(r), number(r, NULL, "alpha", 1));
}

READER(celu)
{
    return cn_celu(first(r), number(r, NULL, "alpha", 1));
}

READER(gelu)
{
    return cn_gelu(first(r), integer(r, "approximate", "approximate", 0) != 0);
}

READER(hard_shrink)
{
    return cn_hard_shrink(first(r), number(r, NULL, "threshold", 0.5));
}

READER(soft_shrink)
{
    return cn_soft_shrink(first(r), number(r, NULL, "threshold", 0.5));
}

READER(threshold)
{
    double threshold = number(r, NULL, "threshold", 0);
    return cn_threshold(first(r), threshold, number(r, NULL, "default_value", 0));
}

READER(squareplus)
{
    return cn_squareplus(first(r), number(r, NULL, "b", 4));
}

READER(relu_general)
{
    double slope = number(r, NULL, "negative_slope", 0), most = number(r, NULL, "max_value", NAN);
    return cn_relu_general(first(r), slope, most, number(r, NULL, "threshold", 0));
}

/* Equal parts, or parts of given lengths; as many outputs as a layer can have. */
READER(split)
{
    const json_t *parts = cn__op_arg(r, 0, "num_or_size_splits", "indices_or_sections");
    int axis = (int)integer(r, "axis", "axis", 0);
    bool sizes = json_is_array(parts);
    int64_t lengths[CN_MAX_RANK] = {0}, start = 0;
    int n = sizes ? integers(r, parts, lengths) : (int)json_integer_value(parts);
    int n_out = sizes && r->three ? n + 1 : n;
    if (n < 1 || n_out > CN__MAX_OUTPUTS) {
        cn__op_refuse(r, "it splits into none or more than 8 parts");
        return NULL;
    }
    cn_tensor *x = first(r);
    r->n_out = n_out;
    for (int i = 0; i < n_out; i++) {
        /* Keras 3 says where parts begin, tf.keras how long they are. */
        int64_t stop = i == n_out - 1 ? CN_END : r->three ? lengths[i] : start + lengths[i];
        r->out[i] = sizes ? cn_slice(x, axis, start, stop, 1) : cn_split(x, n_out, axis, i);
        start = stop;
    }
    return r->out[0];
}

READER(unstack)
{
    cn_tensor *x = first(r);
    int64_t axis = integer(r, "axis", NULL, 0);
    axis += x && axis < 0 ? x->shape.rank : 0;
    integer(r, "num", NULL, 0);
    int64_t n = x && axis >= 0 && axis < x->shape.rank ? x->shape.dim[axis] : -1;
    if (n < 1 || n > CN__MAX_OUTPUTS) {
        cn__op_refuse(r, "it takes an axis apart into none or more than 8 tensors");
        return NULL;
    }
    r->n_out = (int)n;
    for (int64_t i = 0; i < n; i++) {
        r->out[i] = cn_squeeze(cn_slice(x, (int)axis, i, i + 1, 1), axis);
    }
    return r->out[0];
}

READER(squared_difference)
{
    return cn_square(cn_subtract(first(r), other(r, 1, "y", NULL)));
}

/* x over the root of its sum of squares, which is at least epsilon (of tf.keras) or its square. */
READER(normalize)
{
    if (integer(r, NULL, "order", 2) != 2) {
        cn__op_refuse(r, "it normalizes by another norm than the second");
    }
    cn_reduce_args args = {.size = sizeof args, CN_REDUCE_DEFAULTS, .keepdims = true};
    args.axis.n = integers(r, cn__op_arg(r, 0, "axis", "axis"), args.axis.v);
    double epsilon = number(r, "epsilon", "epsilon", r->three ? cn_epsilon() : 1e-12);
    cn_tensor *x = first(r), *sum = cn_sum_with(cn_square(x), &args);
    if (r->three) {
        return cn_multiply(x, cn_minimum(cn_rsqrt(sum), 1 / epsilon));
    }
    return cn_multiply(x, cn_rsqrt(cn_maximum(sum, epsilon)));
}
#else
typedef int cn__no_json;
#endif
