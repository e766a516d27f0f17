/* Embedding, Masking and Identity. */
#include "core/error.h"
#include "core/memory.h"
#include "core/shape.h"
#include "layers/spatial.h"

typedef cn_embedding_args embedding_t;

static const cn_field embedding_fields[] = {
    CN_FIELD(embedding_t, INT64, input_dim),
    CN_FIELD(embedding_t, INT64, output_dim),
    CN_FIELD(embedding_t, INITIALIZER, embeddings_initializer),
    CN_FIELD(embedding_t, REGULARIZER, embeddings_regularizer),
    CN_FIELD(embedding_t, REGULARIZER, activity_regularizer),
    CN_FIELD(embedding_t, CONSTRAINT, embeddings_constraint),
    CN_FIELD(embedding_t, BOOL, mask_zero),
    CN_FIELD_FLAGS(embedding_t, INT64, input_length, CN_FIELD_KERAS2),
    CN_FIELD_FLAGS(embedding_t, STRING, quantization_config, CN_FIELD_KERAS3 | CN_FIELD_SINCE(313)),
    {0},
};
static const cn_field masking_fields[] = {CN_FIELD(cn_masking_args, DOUBLE, mask_value), {0}};

static bool given(const cn_ints *ints)
{
    return ints->n > 0 || ints->v[0] != 0;
}

static int check(cn_layer *self)
{
    embedding_t *args = self->base.args;
    bool three = cn__is_keras3(self->base.keras);
    if (args->input_dim <= 0 || args->output_dim <= 0) {
        const char *name = args->input_dim <= 0 ? "input_dim" : "output_dim";
        return three ? cn__fail(
                           CN_EVALUE,
                           "`%s` must be a positive integer. Received: %s=%lld (of type int).",
                           name, name,
                           (long long)(args->input_dim <= 0 ? args->input_dim : args->output_dim))
                     : cn__fail(CN_EVALUE,
                                "Both `input_dim` and `output_dim` should be positive, Received "
                                "input_dim = %lld and output_dim = %lld",
                                (long long)args->input_dim, (long long)args->output_dim);
    }
    /* tf.keras's Embedding says what it gets: rows of input_length numbers. */
    if (!three && !given(&args->input_shape) && !given(&args->batch_input_shape)) {
        args->batch_input_shape = (cn_ints){
            .v = {args->batch_size, args->input_length > 0 ? args->input_length : CN_NONE}, .n = 2};
    }
    return 0;
}

static int build(cn_layer *self, const cn_shape *inputs, int n_inputs)
{
    const embedding_t *args = cn_layer_arguments(self);
    cn_shape shape = cn_shape_of(args->input_dim, args->output_dim);
    (void)inputs;
    (void)n_inputs;
    cn_layer_add_weight(
        self, .name = "embeddings", .shape_of = &shape, .initializer = args->embeddings_initializer,
        .regularizer = args->embeddings_regularizer, .constraint = args->embeddings_constraint);
    return cn__pending() ? cn_error_code() : 0;
}

static int embedded_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                          int max_outputs)
{
    const embedding_t *args = cn_layer_arguments(self);
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    if (inputs[0].rank == CN_MAX_RANK) {
        return cn__fail(CN_EVALUE, "Embedding: inputs of rank %d have no room for the features",
                        CN_MAX_RANK);
    }
    outputs[0].dim[outputs[0].rank++] = args->output_dim;
    return 0;
}

static cn_tensor *call(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                       const cn_call_args *call_args)
{
    cn_tensor *x = inputs[0];
    (void)n_inputs;
    (void)call_args;
    if (x->dtype != CN_INT32 && x->dtype != CN_INT64) {
        x = cn_cast(x, CN_INT32);
    }
    return x ? cn_gather(cn__compute_cast(self, self->weights[0]), x, 0) : NULL;
}

static cn_tensor *embedding_mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    const embedding_t *args = cn_layer_arguments(self);
    (void)n_inputs;
    return args->mask_zero ? cn_not_equal(inputs[0], 0) : NULL;
}

static int same_shape(cn_layer *self, const cn_shape *inputs, int n_inputs, cn_shape *outputs,
                      int max_outputs)
{
    (void)self;
    (void)n_inputs;
    (void)max_outputs;
    outputs[0] = inputs[0];
    return 0;
}

static cn_tensor *masking_mask(cn_layer *self, cn_tensor *const *inputs, int n_inputs)
{
    const cn_masking_args *args = cn_layer_arguments(self);
    (void)n_inputs;
    cn_tensor *differs = cn_not_equal(inputs[0], args->mask_value);
    return differs ? cn_any(differs, .axis = {-1}) : NULL;
}

static cn_tensor *call_masking(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                               const cn_call_args *call_args)
{
    cn_tensor *mask = masking_mask(self, inputs, n_inputs);
    (void)call_args;
    return mask ? cn_multiply(inputs[0], cn_cast(cn_expand_dims(mask, -1), inputs[0]->dtype))
                : NULL;
}

static cn_tensor *call_identity(cn_layer *self, cn_tensor *const *inputs, int n_inputs,
                                const cn_call_args *call_args)
{
    (void)self;
    (void)n_inputs;
    (void)call_args;
    return inputs[0];
}

CN__LAYER_CLASS(embedding, embedding, "Embedding", NULL, embedding_fields, CN_EMBEDDING_DEFAULTS,
                .build = build, .call = call, .compute_output_shape = embedded_shape,
                .compute_mask = embedding_mask, .supports_masking = true, .check = check)
CN__LAYER_CLASS(masking, masking, "Masking", NULL, masking_fields, CN_MASKING_DEFAULTS,
                .call = call_masking, .compute_output_shape = same_shape,
                .compute_mask = masking_mask, .supports_masking = true, .min_rank = 1)
CN__LAYER_CLASS(identity, identity_layer, "Identity", NULL, NULL, CN_LAYER_DEFAULTS,
                .call = call_identity, .compute_output_shape = same_shape, .supports_masking = true)
