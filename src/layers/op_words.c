/* The table of ops that files name, and of the names that mean the same. */
#include "layers/op_reading.h"

#include <string.h>

#define NUMPY "keras.src.ops.numpy"
#define NN "keras.src.ops.nn"
#define CORE "keras.src.ops.core"
#define MATH "keras.src.ops.math"

#if CN__HAVE_JANSSON
#define READ(function) .reader.read = cn__op_read_##function
#else
#define READ(function) .reader.unary = NULL
#endif

#define WORD(word_op, class_name, module, tf) /* and what else there is to say */                  \
    .class = CN__OP_LAYER_CLASS(class_name, module), .function = tf, .op = word_op
#define UNARY(id, class_name, module, tf, is_named)                                                \
    {                                                                                              \
        WORD(&cn__op_##id, class_name, module, tf), .named = is_named, .reader.unary = cn_##id     \
    }
#define BINARY(id, class_name, module, tf, is_named)                                               \
    {                                                                                              \
        WORD(&cn__op_##id, class_name, module, tf), .named = is_named, .reader.binary = cn_##id    \
    }
#define REDUCE(id, class_name, module, tf, ...)                                                    \
    {                                                                                              \
        WORD(&cn__op_##id, class_name, module, tf), READ(id), .params = {                          \
            {"axis", "axis", CN__PARAM_AXES},                                                      \
            {"keepdims", "keepdims", CN__PARAM_KEEPDIMS},                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define ALONG(id, class_name, module, tf, ...)                                                     \
    {                                                                                              \
        WORD(&cn__op_##id, class_name, module, tf), READ(id), .params = {                          \
            {"axis", "axis", CN__PARAM_INT0},                                                      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        NULL, NULL, 0                                                                              \
    }

/* clang-format off */
const cn__op_word cn__op_words[] = {
    UNARY(negative, "Negative", NUMPY, "math.negative", true),
    UNARY(abs, "Absolute", NUMPY, "math.abs", false),
    UNARY(square, "Square", NUMPY, "math.square", true),
    UNARY(sqrt, "Sqrt", NUMPY, "math.sqrt", false),
    UNARY(rsqrt, "Rsqrt", MATH, "math.rsqrt", false),
    UNARY(reciprocal, "Reciprocal", NUMPY, "math.reciprocal", true),
    UNARY(sign, "Sign", NUMPY, "math.sign", false),
    UNARY(exp, "Exp", NUMPY, "math.exp", false),
    UNARY(expm1, "Expm1", NUMPY, "math.expm1", true),
    UNARY(log, "Log", NUMPY, "math.log", true),
    UNARY(log1p, "Log1p", NUMPY, "math.log1p", true),
    UNARY(log2, "Log2", NUMPY, NULL, false),
    UNARY(log10, "Log10", NUMPY, NULL, false),
    UNARY(sin, "Sin", NUMPY, "math.sin", true),
    UNARY(cos, "Cos", NUMPY, "math.cos", true),
    UNARY(tan, "Tan", NUMPY, "math.tan", true),
    UNARY(arcsin, "Arcsin", NUMPY, "math.asin", true),
    UNARY(arccos, "Arccos", NUMPY, "math.acos", false),
    UNARY(arctan, "Arctan", NUMPY, "math.atan", true),
    UNARY(sinh, "Sinh", NUMPY, "math.sinh", true),
    UNARY(cosh, "Cosh", NUMPY, "math.cosh", true),
    UNARY(tanh, "Tanh", NUMPY, "math.tanh", true),
    UNARY(arcsinh, "Arcsinh", NUMPY, "math.asinh", true),
    UNARY(arccosh, "Arccosh", NUMPY, "math.acosh", true),
    UNARY(arctanh, "Arctanh", NUMPY, "math.atanh", true),
    UNARY(erf, "Erf", MATH, "math.erf", true),
    UNARY(erfinv, "Erfinv", MATH, "math.erfinv", false),
    UNARY(floor, "Floor", NUMPY, "math.floor", false),
    UNARY(ceil, "Ceil", NUMPY, "math.ceil", false),
    UNARY(trunc, "Trunc", NUMPY, NULL, false),
    UNARY(relu, "Relu", NN, "nn.relu", true),
    UNARY(relu6, "Relu6", NN, "nn.relu6", false),
    UNARY(sigmoid, "Sigmoid", NN, "math.sigmoid", false),
    UNARY(softplus, "Softplus", NN, "math.softplus", false),
    UNARY(softsign, "Softsign", NN, "nn.softsign", true),
    UNARY(silu, "Silu", NN, "nn.silu", false),
    UNARY(selu, "Selu", NN, "nn.selu", true),
    UNARY(hard_sigmoid, "HardSigmoid", NN, NULL, false),
    UNARY(hard_silu, "HardSilu", NN, NULL, false),
    UNARY(hard_tanh, "HardTanh", NN, NULL, false),
    UNARY(tanh_shrink, "TanhShrink", NN, NULL, false),
    UNARY(log_sigmoid, "LogSigmoid", NN, "math.log_sigmoid", false),
    UNARY(sparse_plus, "SparsePlus", NN, NULL, false),
    UNARY(sparse_sigmoid, "SparseSigmoid", NN, NULL, false),
    UNARY(isnan, "Isnan", NUMPY, "math.is_nan", true),
    UNARY(isinf, "Isinf", NUMPY, "math.is_inf", true),
    UNARY(isfinite, "Isfinite", NUMPY, "math.is_finite", true),
    UNARY(logical_not, "LogicalNot", NUMPY, "math.logical_not", true),
    UNARY(lgamma, NULL, NULL, "math.lgamma", true),
    UNARY(digamma, NULL, NULL, "math.digamma", true),
    BINARY(add, "Add", NUMPY, "math.add", false),
    BINARY(subtract, "Subtract", NUMPY, "math.subtract", false),
    BINARY(multiply, "Multiply", NUMPY, "math.multiply", false),
    BINARY(divide, "Divide", NUMPY, "math.truediv", true),
    BINARY(floor_divide, "FloorDivide", NUMPY, "compat.v1.floor_div", true),
    BINARY(mod, "Mod", NUMPY, "math.floormod", true),
    BINARY(power, "Power", NUMPY, "math.pow", false),
    BINARY(maximum, "Maximum", NUMPY, "math.maximum", true),
    BINARY(minimum, "Minimum", NUMPY, "math.minimum", true),
    BINARY(equal, "Equal", NUMPY, "math.equal", false),
    BINARY(not_equal, "NotEqual", NUMPY, "math.not_equal", false),
    BINARY(less, "Less", NUMPY, "math.less", true),
    BINARY(less_equal, "LessEqual", NUMPY, "math.less_equal", true),
    BINARY(greater, "Greater", NUMPY, "math.greater", true),
    BINARY(greater_equal, "GreaterEqual", NUMPY, "math.greater_equal", true),
    BINARY(logical_and, "LogicalAnd", NUMPY, "math.logical_and", true),
    BINARY(logical_or, "LogicalOr", NUMPY, "math.logical_or", true),
    BINARY(logical_xor, "LogicalXor", NUMPY, NULL, false),
    {WORD(&cn__op_arctan2, "Arctan2", NUMPY, "math.atan2"), .named = true, .inputs = {"x"}, .reader.binary = cn_arctan2},
    {WORD(&cn__op_round, "Round", NUMPY, "math.round"), READ(round), .params = {{NULL, "decimals", CN__PARAM_ZERO}}},
    REDUCE(sum, "Sum", NUMPY, "math.reduce_sum", NOTHING),
    REDUCE(mean, "Mean", NUMPY, "math.reduce_mean", NOTHING),
    REDUCE(max, "Max", NUMPY, "math.reduce_max", {NULL, "initial", CN__PARAM_NONE}),
    REDUCE(min, "Min", NUMPY, "math.reduce_min", {NULL, "initial", CN__PARAM_NONE}),
    REDUCE(prod, "Prod", NUMPY, "math.reduce_prod", {NULL, "dtype", CN__PARAM_NONE}),
    REDUCE(any, "Any", NUMPY, "math.reduce_any", NOTHING),
    REDUCE(all, "All", NUMPY, "math.reduce_all", NOTHING),
    REDUCE(logsumexp, "Logsumexp", MATH, "math.reduce_logsumexp", NOTHING),
    {WORD(NULL, "Std", NUMPY, "math.reduce_std"), READ(std)},
    {WORD(NULL, "Var", NUMPY, "math.reduce_variance"), READ(var)},
    {WORD(NULL, "Amax", NUMPY, NULL), READ(max)},
    {WORD(NULL, "Amin", NUMPY, NULL), READ(min)},
    ALONG(argmax, "Argmax", NUMPY, "math.argmax", {NULL, "keepdims", CN__PARAM_FALSE}),
    ALONG(argmin, "Argmin", NUMPY, "math.argmin", {NULL, "keepdims", CN__PARAM_FALSE}),
    ALONG(cumsum, "Cumsum", NUMPY, "math.cumsum", {NULL, "dtype", CN__PARAM_NONE}),
    ALONG(cumprod, "Cumprod", NUMPY, "math.cumprod", {NULL, "dtype", CN__PARAM_NONE}),
    ALONG(softmax, "Softmax", NN, "nn.softmax", NOTHING),
    ALONG(log_softmax, "LogSoftmax", NN, "nn.log_softmax", NOTHING),
    ALONG(sparsemax, "Sparsemax", NN, NULL, NOTHING),
    ALONG(glu, "Glu", NN, NULL, NOTHING),
    ALONG(sort, "Sort", NUMPY, "sort", NOTHING),
    ALONG(argsort, "Argsort", NUMPY, "argsort", NOTHING),
    {WORD(&cn__op_flip, "Flip", NUMPY, "reverse"), READ(flip), .named = true,
     .params = {{"axis", NULL, CN__PARAM_AXIS_LIST}, {NULL, "axis", CN__PARAM_INT0}}},
    {WORD(&cn__op_roll, "Roll", NUMPY, "roll"), READ(roll),
     .params = {{"shift", "shift", CN__PARAM_INT1}, {"axis", "axis", CN__PARAM_INT0}}},
    {WORD(&cn__op_repeat, "Repeat", NUMPY, "repeat"), READ(repeat),
     .params = {{"repeats", "repeats", CN__PARAM_INT1}, {"axis", "axis", CN__PARAM_INT0}}},
    {WORD(&cn__op_tile, "Tile", NUMPY, "tile"), READ(tile), .named = true,
     .params = {{"multiples", "repeats", CN__PARAM_LENGTHS}}},
    {WORD(&cn__op_top_k, "TopK", MATH, "math.top_k"), READ(top_k),
     .params = {{"k", "k", CN__PARAM_INT0}, {NULL, "sorted", CN__PARAM_TRUE}}},
    {WORD(&cn__op_tril, "Tril", NUMPY, NULL), READ(tril), .params = {{NULL, "k", CN__PARAM_INT0}}},
    {WORD(&cn__op_triu, "Triu", NUMPY, NULL), READ(triu), .params = {{NULL, "k", CN__PARAM_INT0}}},
    {WORD(&cn__op_one_hot, "OneHot", NN, "one_hot"), READ(one_hot),
     .params = {{"depth", "num_classes", CN__PARAM_INT0}, {NULL, "axis", CN__PARAM_MINUS_ONE},
                {NULL, "dtype", CN__PARAM_DTYPE1}, {NULL, "sparse", CN__PARAM_FALSE}}},
    {WORD(&cn__op_gather, "Take", NUMPY, "compat.v1.gather"), READ(gather), .inputs = {"indices"},
     .params = {{"validate_indices", NULL, CN__PARAM_NONE}, {"name", NULL, CN__PARAM_NONE},
                {"axis", "axis", CN__PARAM_INT0}, {"batch_dims", NULL, CN__PARAM_ZERO}}},
    {WORD(&cn__op_pad, "Pad", NUMPY, "compat.v1.pad"), READ(pad),
     .params = {{"paddings", "pad_width", CN__PARAM_PADS}, {"mode", "mode", CN__PARAM_CONSTANT},
                {"name", NULL, CN__PARAM_NONE}, {"constant_values", "*constant_values", CN__PARAM_PAD_VALUE}}},
    {WORD(&cn__op_reshape, "Reshape", NUMPY, "reshape"), READ(reshape), .params = {{"shape", "newshape", CN__PARAM_SHAPE}}},
    {WORD(&cn__op_reshape, "ExpandDims", NUMPY, "expand_dims"), READ(expand_dims), .mark = CN__RESHAPE_EXPAND_DIMS,
     .params = {{"axis", "axis", CN__PARAM_RESHAPE_AXIS}}},
    {WORD(&cn__op_reshape, "Squeeze", NUMPY, "compat.v1.squeeze"), READ(squeeze), .mark = CN__RESHAPE_SQUEEZE, .named = true,
     .params = {{"axis", "axis", CN__PARAM_RESHAPE_AXIS}}},
    {WORD(&cn__op_transpose, "Transpose", NUMPY, "compat.v1.transpose"), READ(transpose),
     .params = {{"perm", "axes", CN__PARAM_LENGTHS}, {"name", NULL, CN__PARAM_TRANSPOSE}, {"conjugate", NULL, CN__PARAM_FALSE}}},
    {WORD(&cn__op_broadcast_to, "BroadcastTo", NUMPY, "broadcast_to"), READ(broadcast_to), .named = true,
     .params = {{"shape", "shape", CN__PARAM_LENGTHS}}},
    {WORD(&cn__op_concatenate, "Concatenate", NUMPY, "concat"), READ(concatenate), .list = true,
     .params = {{"axis", "axis", CN__PARAM_INT0}}},
    {WORD(&cn__op_stack, "Stack", NUMPY, "stack"), READ(stack), .list = true, .params = {{"axis", "axis", CN__PARAM_INT0}}},
    {WORD(&cn__op_slice, "GetItem", NUMPY, "__operators__.getitem"), READ(get_item),
     .params = {{"slice_spec", "*", CN__PARAM_SLICES}}},
    {WORD(&cn__op_matmul, "Matmul", NUMPY, "linalg.matmul"), READ(matmul), .inputs = {"b"},
     .params = {{"transpose_a", NULL, CN__PARAM_TRANSPOSE_A}, {"transpose_b", NULL, CN__PARAM_TRANSPOSE_B}}},
    {WORD(&cn__op_where, "Where", NUMPY, "where"), READ(where), .inputs = {"x", "y"}},
    {WORD(&cn__op_cast, "Cast", CORE, "cast"), READ(cast), .params = {{"dtype", "dtype", CN__PARAM_DTYPE0}}},
    {WORD(&cn__op_clip, "Clip", NUMPY, "clip_by_value"), READ(clip),
     .params = {{"clip_value_min", "x_min", CN__PARAM_FLOAT0}, {"clip_value_max", "x_max", CN__PARAM_FLOAT1}}},
    {WORD(&cn__op_leaky_relu, "LeakyRelu", NN, "nn.leaky_relu"), READ(leaky_relu),
     .params = {{"alpha", "negative_slope", CN__PARAM_FLOAT0}}},
    {WORD(&cn__op_elu, "Elu", NN, "nn.elu"), READ(elu), .named = true, .params = {{NULL, "alpha", CN__PARAM_FLOAT0}}},
    {WORD(&cn__op_celu, "Celu", NN, NULL), READ(celu), .params = {{NULL, "alpha", CN__PARAM_FLOAT0}}},
    {WORD(&cn__op_gelu, "Gelu", NN, "nn.gelu"), READ(gelu), .params = {{"approximate", "approximate", CN__PARAM_FLAG_F0}}},
    {WORD(&cn__op_hard_shrink, "HardShrink", NN, NULL), READ(hard_shrink), .params = {{NULL, "threshold", CN__PARAM_FLOAT0}}},
    {WORD(&cn__op_soft_shrink, "SoftShrink", NN, NULL), READ(soft_shrink), .params = {{NULL, "threshold", CN__PARAM_FLOAT0}}},
    {WORD(&cn__op_threshold, "Threshold", NN, NULL), READ(threshold),
     .params = {{NULL, "threshold", CN__PARAM_FLOAT0}, {NULL, "default_value", CN__PARAM_FLOAT1}}},
    {WORD(&cn__op_squareplus, "Squareplus", NN, NULL), READ(squareplus), .params = {{NULL, "b", CN__PARAM_NUMBER0}}},
    {WORD(&cn__op_relu_general, "ReLU", "keras.src.activations.activations", NULL), READ(relu_general),
     .params = {{NULL, "negative_slope", CN__PARAM_FLOAT0}, {NULL, "max_value", CN__PARAM_FLOAT1}, {NULL, "threshold", CN__PARAM_FLOAT2}}},
    {WORD(&cn__op_identity, NULL, NULL, "identity"), .reader.unary = cn_identity},
    {WORD(&cn__op_identity, "Cast", CORE, NULL), READ(cast), .params = {{NULL, "dtype", CN__PARAM_DTYPE_OUT}}},
    {WORD(&cn__op_stop_gradient, "StopGradient", CORE, "stop_gradient"), .reader.unary = cn_stop_gradient},
    {WORD(NULL, "TrueDivide", NUMPY, NULL), .reader.binary = cn_divide},
    {WORD(NULL, "Split", NUMPY, "split"), READ(split)},
    {WORD(NULL, NULL, NULL, "unstack"), READ(unstack)},
    {WORD(NULL, NULL, NULL, "math.squared_difference"), READ(squared_difference)},
    {WORD(NULL, NULL, NULL, "math.add_n"), READ(add_n), .list = true},
    {WORD(NULL, "Normalize", NN, "math.l2_normalize"), READ(normalize)},
    {WORD(NULL, "ZerosLike", NUMPY, "zeros_like"), .reader.unary = cn_zeros_like},
    {WORD(NULL, "OnesLike", NUMPY, "ones_like"), .reader.unary = cn_ones_like},
    {.op = NULL},
};

/* Other functions of tf.keras that are the same ops. */
static const struct {
    const char *function, *same;
} functions[] = {
    {"__operators__.add", "math.add"},
    {"__operators__.eq", "math.equal"},
    {"__operators__.ne", "math.not_equal"},
    {"math.divide", "math.truediv"},
    {"math.floordiv", "compat.v1.floor_div"},
    {"math.mod", "math.floormod"},
    {"transpose", "compat.v1.transpose"},
    {"squeeze", "compat.v1.squeeze"},
    {"pad", "compat.v1.pad"},
    {"gather", "compat.v1.gather"},
    {"nn.sigmoid", "math.sigmoid"},
    {"nn.tanh", "math.tanh"},
    {"nn.softplus", "math.softplus"},
    {"nn.swish", "nn.silu"},
    {"math.softmax", "nn.softmax"},
    {"math.log_softmax", "nn.log_softmax"},
    {"nn.l2_normalize", "math.l2_normalize"},
};
/* clang-format on */

const cn__op_word *cn__op_word_of_class(const char *class_name)
{
    for (const cn__op_word *w = cn__op_words; w->op || w->function || w->class.base.name; w++) {
        if (w->class.base.name && strcmp(w->class.base.name, class_name) == 0) {
            return w;
        }
    }
    return NULL;
}

const cn__op_word *cn__op_word_of_function(const char *function)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        function = strcmp(functions[i].function, function) == 0 ? functions[i].same : function;
    }
    for (const cn__op_word *w = cn__op_words; w->op || w->function || w->class.base.name; w++) {
        if (w->function && strcmp(w->function, function) == 0) {
            return w;
        }
    }
    return NULL;
}
