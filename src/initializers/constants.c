/* Initializers whose values are given: zeros, ones, a constant, the identity. */
#include "core/error.h"
#include "core/tensor.h"
#include "initializers/initializer.h"

static const cn_field constant_fields[] = {
    CN_FIELD(cn_initializer_constant_args, DOUBLE, value),
    {0},
};
static const cn_field identity_fields[] = {
    CN_FIELD_FLAGS(cn_initializer_identity_args, DOUBLE, gain, CN_FIELD_FORGOTTEN),
    {0},
};

static cn_tensor *filled(const cn_shape *shape, cn_dtype dtype, double value)
{
    cn_tensor *t = cn__tensor_new(dtype, shape);
    void *data = t ? cn__data_write(t) : NULL;
    int64_t n = data ? cn__size(t) : 0;
    if (dtype == CN_FLOAT32) {
        float *out = data;
        for (int64_t i = 0; i < n; i++) {
            out[i] = (float)value;
        }
        return t;
    }
    for (int64_t i = 0; i < n; i++) {
        cn__write(dtype, data, i, value);
    }
    return t;
}

static cn_tensor *call_zeros(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    (void)self;
    return filled(shape, dtype, 0);
}

static cn_tensor *call_ones(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    (void)self;
    return filled(shape, dtype, 1);
}

static cn_tensor *call_constant(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    const cn_initializer_constant_args *args = self->base.args;
    return filled(shape, dtype, args->value);
}

static cn_tensor *call_identity(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    const cn_initializer_identity_args *args = self->base.args;
    if (shape->rank != 2) {
        char text[256];
        cn__fail(CN_EVALUE,
                 "Identity matrix initializer can only be used for 2D matrices. Received: shape=%s "
                 "of rank %d.",
                 cn__shape_text(shape, text, sizeof text), shape->rank);
        return NULL;
    }
    cn_tensor *t = filled(shape, dtype, 0);
    void *data = t ? cn__data_write(t) : NULL;
    for (int64_t i = 0; data && i < shape->dim[0] && i < shape->dim[1]; i++) {
        cn__write(dtype, data, i * shape->dim[1] + i, args->gain);
    }
    return t;
}

CN__PLAIN_CLASS(initializer, zeros, "Zeros", "zeros zero", call_zeros)
CN__PLAIN_CLASS(initializer, ones, "Ones", "ones one", call_ones)
CN__CLASS(initializer, constant, "Constant", "constant", constant_fields, call_constant,
          CN__NO_DEFAULTS)
CN__CLASS(initializer, identity, "Identity", "identity IdentityInitializer", identity_fields,
          call_identity, CN_INITIALIZER_IDENTITY_DEFAULTS)
