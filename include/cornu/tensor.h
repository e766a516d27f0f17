/* Tensors: making them, reading them, variables. */
#ifndef CORNU_TENSOR_H
#define CORNU_TENSOR_H

#include <cornu/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CN_MAX_RANK 8

/* A rank and its lengths; -1 stands for None. */
typedef struct cn_shape {
    int rank;
    int64_t dim[CN_MAX_RANK];
} cn_shape;

/* cn_shape_of(-1, 28, 28): (None, 28, 28). */
CN_API cn_shape cn_shape_make(int rank, const int64_t *dim);
#define cn_shape_of(...)                                                                           \
    cn_shape_make((int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                 \
                  (const int64_t[]){__VA_ARGS__})

/* XX(name, C type of storage, bytes, Keras's word) */
#define CN_DTYPE_MAP(XX)                                                                           \
    XX(FLOAT32, float, 4, "float32")                                                               \
    XX(FLOAT64, double, 8, "float64")                                                              \
    XX(FLOAT16, uint16_t, 2, "float16")                                                            \
    XX(BFLOAT16, uint16_t, 2, "bfloat16")                                                          \
    XX(INT8, int8_t, 1, "int8")                                                                    \
    XX(INT16, int16_t, 2, "int16")                                                                 \
    XX(INT32, int32_t, 4, "int32")                                                                 \
    XX(INT64, int64_t, 8, "int64")                                                                 \
    XX(UINT8, uint8_t, 1, "uint8")                                                                 \
    XX(UINT16, uint16_t, 2, "uint16")                                                              \
    XX(UINT32, uint32_t, 4, "uint32")                                                              \
    XX(UINT64, uint64_t, 8, "uint64")                                                              \
    XX(BOOL, uint8_t, 1, "bool")

typedef enum cn_dtype {
    CN_DTYPE_UNSET = 0,
#define XX(name, type, bytes, text) CN_##name,
    CN_DTYPE_MAP(XX)
#undef XX
        CN__DTYPE_COUNT
} cn_dtype;

CN_API size_t cn_dtype_size(cn_dtype dtype);
CN_API const char *cn_dtype_name(cn_dtype dtype);
/* The dtype of a Keras word ("float32"); CN_DTYPE_UNSET and an error if there is none. */
CN_API cn_dtype cn_dtype_from_name(const char *name);

/* Making
 * -------------------------------------------------------------------------------------------------------
 */

/* A tensor of the given shape (row-major, Keras's axis order, rank <= 8) with a copy of `data`;
 * NULL data means zeros. */
CN_API cn_tensor *cn_tensor_new(cn_dtype dtype, int rank, const int64_t *shape, const void *data);
/* The same over the caller's memory, which is not copied and must outlive it; `release(user)` is
 * called at its end. */
CN_API cn_tensor *cn_tensor_wrap(cn_dtype dtype, int rank, const int64_t *shape, void *data,
                                 void (*release)(void *user), void *user);
CN_API cn_tensor *cn_array_of(int64_t n, const double *values);
/* A float32 vector: cn_array(1, 2.5, -3). */
#define cn_array(...)                                                                              \
    cn_array_of((int64_t)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)),                 \
                (const double[]){__VA_ARGS__})
/* A scalar of the given dtype. */
CN_API cn_tensor *cn_scalar(double value, cn_dtype dtype);

/* Reading
 * ------------------------------------------------------------------------------------------------------
 */

CN_API cn_dtype cn_tensor_dtype(const cn_tensor *t);
CN_API int cn_tensor_rank(const cn_tensor *t);
/* The length of an axis (negative counts from the end); -1 where it is None, CN_EINDEX (negative
 * below -1) if there is none. */
CN_API int64_t cn_tensor_dim(const cn_tensor *t, int axis);
CN_API const int64_t *cn_tensor_shape(const cn_tensor *t);
/* The number of elements; -1 if it is not known yet. */
CN_API int64_t cn_tensor_size(const cn_tensor *t);
/* The elements, row-major, 64-byte aligned unless it is a view; NULL and an error for a symbolic
 * tensor. */
CN_API const void *cn_tensor_data(const cn_tensor *t);
CN_API const float *cn_tensor_floats(const cn_tensor *t);
/* The same for writing; for tensors that you made yourself. */
CN_API void *cn_tensor_data_mutable(cn_tensor *t);
/* One element as a double, by flat index; NaN and an error if there is none. */
CN_API double cn_tensor_item(const cn_tensor *t, int64_t index);
/* A scalar tensor's value: cn_tensor_item(t, 0) of a tensor with one element. */
CN_API double cn_tensor_value(const cn_tensor *t);
CN_API const char *cn_tensor_name(const cn_tensor *t);
CN_API bool cn_tensor_is_symbolic(const cn_tensor *t);
/* Writes at most `size` bytes of what numpy's str() gives, with the ending zero; returns the length
 * that it wants. */
CN_API size_t cn_tensor_format(const cn_tensor *t, char *buffer, size_t size);
/* The same as a string that belongs to the current scope. */
CN_API const char *cn_tensor_string(const cn_tensor *t);
/* What repr() of a Python float gives ("0.001", "1e-07", "nan"); `buffer` of at least 32 bytes;
 * returns it. */
CN_API char *cn_format_double(double value, char *buffer, size_t size);

/* Variables
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct cn_variable_args {
    size_t size;
    const char *name; /* "Variable" */
    cn_dtype dtype;   /* that of the value */
    bool trainable;   /* true */
    CN__END;
} cn_variable_args;
#define CN_VARIABLE_DEFAULTS .trainable = true
CN_API extern const cn_variable_args cn_variable_defaults;
/* A tensor that can be assigned to, with a copy of `initial` (tf.Variable). */
CN_API cn_tensor *cn_variable_with(cn_tensor *initial, const cn_variable_args *args);
#define cn__variable(v, ...)                                                                       \
    CN__CALL1(cn_variable_with, CN__T(v), cn_variable_args, CN_VARIABLE_DEFAULTS, __VA_ARGS__)
#define cn_variable(...) cn__variable(__VA_ARGS__, .end_ = 0)

CN_API bool cn_tensor_is_variable(const cn_tensor *t);
CN_API bool cn_tensor_trainable(const cn_tensor *t);
CN_API int(cn_assign)(cn_tensor *variable, cn_tensor *value);
CN_API int(cn_assign_add)(cn_tensor *variable, cn_tensor *value);
CN_API int(cn_assign_sub)(cn_tensor *variable, cn_tensor *value);

/* Numbers are tensors too
 * -------------------------------------------------------------------------------------- */

CN_API cn_tensor *cn__same(cn_tensor *t);
CN_API cn_tensor *cn__same_const(const cn_tensor *t);
CN_API cn_tensor *cn__number(double value);
CN_API cn_tensor *cn__integer(int64_t value);
CN_API cn_tensor *cn__unsigned(uint64_t value);

#ifdef __cplusplus
}
/* What _Generic does in C overloads do here: a number or a tensor as a tensor. */
inline cn_tensor *cn__tensor_of(cn_tensor *t)
{
    return t;
}
inline cn_tensor *cn__tensor_of(const cn_tensor *t)
{
    return cn__same_const(t);
}
inline cn_tensor *cn__tensor_of(decltype(nullptr))
{
    return nullptr;
}
inline cn_tensor *cn__tensor_of(double v)
{
    return cn__number(v);
}
inline cn_tensor *cn__tensor_of(float v)
{
    return cn__number(static_cast<double>(v));
}
inline cn_tensor *cn__tensor_of(long double v)
{
    return cn__number(static_cast<double>(v));
}
inline cn_tensor *cn__tensor_of(bool v)
{
    return cn__integer(v);
}
inline cn_tensor *cn__tensor_of(int v)
{
    return cn__integer(v);
}
inline cn_tensor *cn__tensor_of(unsigned v)
{
    return cn__integer(v);
}
inline cn_tensor *cn__tensor_of(long v)
{
    return cn__integer(v);
}
inline cn_tensor *cn__tensor_of(long long v)
{
    return cn__integer(v);
}
inline cn_tensor *cn__tensor_of(unsigned long v)
{
    return cn__unsigned(v);
}
inline cn_tensor *cn__tensor_of(unsigned long long v)
{
    return cn__unsigned(v);
}
template <class T> inline int cn_assign(cn_tensor *variable, T value)
{
    return cn_assign(variable, cn__tensor_of(value));
}
template <class T> inline int cn_assign_add(cn_tensor *variable, T value)
{
    return cn_assign_add(variable, cn__tensor_of(value));
}
template <class T> inline int cn_assign_sub(cn_tensor *variable, T value)
{
    return cn_assign_sub(variable, cn__tensor_of(value));
}
#else
/* The value is evaluated once: _Generic((v), …)(v) alone would double the text at every level of
 * nesting. */
#define CN__T_OF(v)                                                                                \
    _Generic((v), cn_tensor *                                                                      \
             : cn__same, const cn_tensor *                                                         \
             : cn__same_const, float                                                               \
             : cn__number, double                                                                  \
             : cn__number, long double                                                             \
             : cn__number, unsigned long                                                           \
             : cn__unsigned, unsigned long long                                                    \
             : cn__unsigned, default                                                               \
             : cn__integer)
#ifdef __GNUC__
#define CN__T(v)                                                                                   \
    __extension__({                                                                                \
        CN__QUIET __auto_type cn__v = (v);                                                         \
        CN__POP CN__T_OF(cn__v)(cn__v);                                                            \
    })
#else
#define CN__T(v) CN__T_OF(v)(v)
#endif
#define cn_assign(variable, value) (cn_assign)(variable, CN__T(value))
#define cn_assign_add(variable, value) (cn_assign_add)(variable, CN__T(value))
#define cn_assign_sub(variable, value) (cn_assign_sub)(variable, CN__T(value))
#endif
#endif
