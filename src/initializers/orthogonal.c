/* The orthogonal initializer: a random matrix made orthonormal. */
#include "core/error.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/tensor.h"
#include "initializers/initializer.h"

#include <math.h>

static const cn_field orthogonal_fields[] = {
    CN_FIELD_FLAGS(cn_initializer_orthogonal_args, INT64, seed, CN_FIELD_KERAS3),
    CN_FIELD(cn_initializer_orthogonal_args, DOUBLE, gain),
    CN_FIELD_FLAGS(cn_initializer_orthogonal_args, INT64, seed, CN_FIELD_KERAS2),
    {0},
};

/* Makes the `count` vectors of `length` numbers orthonormal, one after the other (Gram and Schmidt,
 * each twice, which is as accurate as a QR decomposition whose R has a positive diagonal). */
static void orthonormalise(double *vectors, int64_t count, int64_t length)
{
    for (int64_t k = 0; k < count; k++) {
        double *v = vectors + k * length;
        for (int64_t j = 0; j < 2 * k; j++) {
            const double *u = vectors + j % k * length;
            double dot = 0;
            for (int64_t i = 0; i < length; i++) {
                dot += u[i] * v[i];
            }
            for (int64_t i = 0; i < length; i++) {
                v[i] -= dot * u[i];
            }
        }
        double norm = 0;
        for (int64_t i = 0; i < length; i++) {
            norm += v[i] * v[i];
        }
        norm = sqrt(norm);
        for (int64_t i = 0; i < length; i++) {
            v[i] /= norm;
        }
    }
}

/* `count` random orthonormal vectors of `length` numbers each; caller frees. */
static double *random_basis(int64_t count, int64_t length, int64_t seed)
{
    int64_t n = count * length;
    double *vectors = cn__malloc((size_t)n * sizeof *vectors);
    float *draws = cn__malloc((size_t)n * sizeof *draws);
    if (vectors && draws) {
        cn__stream stream = {
            seed == CN_NONE ? cn__seed_next() : cn__seed_mix((uint64_t)seed, 0x696e6974), 0};
        cn__random_normal(stream, 0, n, draws);
        for (int64_t i = 0; i < n; i++) {
            vectors[i] = (double)draws[i];
        }
        orthonormalise(vectors, count, length);
    } else {
        cn__free_mem(vectors);
        vectors = NULL;
    }
    cn__free_mem(draws);
    return vectors;
}

static cn_tensor *call_orthogonal(const cn_initializer *self, const cn_shape *shape, cn_dtype dtype)
{
    const cn_initializer_orthogonal_args *args = self->base.args;
    if (shape->rank < 2) {
        char text[256];
        cn__fail(CN_EVALUE,
                 "The tensor to initialize must be at least two-dimensional. Received: shape=%s of "
                 "rank %d.",
                 cn__shape_text(shape, text, sizeof text), shape->rank);
        return NULL;
    }
    cn_tensor *t = cn__tensor_new(dtype, shape);
    void *data = t ? cn__data_write(t) : NULL;
    int64_t size = data ? cn__size(t) : 0;
    if (!size) {
        return t;
    }
    int64_t columns = shape->dim[shape->rank - 1], rows = size / columns;
    bool tall = rows >= columns;
    int64_t count = tall ? columns : rows, length = tall ? rows : columns;
    double *basis = random_basis(count, length, args->seed);
    if (!basis) {
        return NULL;
    }
    for (int64_t i = 0; i < size; i++) {
        int64_t row = i / columns, column = i % columns;
        int64_t at = tall ? column * length + row : row * length + column;
        cn__write(dtype, data, i, args->gain * basis[at]);
    }
    cn__free_mem(basis);
    return t;
}

CN__CLASS(initializer, orthogonal, "Orthogonal", "orthogonal OrthogonalInitializer",
          orthogonal_fields, call_orthogonal, CN_INITIALIZER_ORTHOGONAL_DEFAULTS)
