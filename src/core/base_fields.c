/* The fields that all classes of a kind share, which stand at the head of their argument structs.
 */
#include "core/instance.h"

#include <cornu/layers.h>
#include <cornu/losses.h>
#include <cornu/metrics.h>
#include <cornu/optimizers.h>

static const cn_field none[] = {{0}};

static const cn_field layer[] = {
    CN_FIELD(cn_layer_args, STRING, name),
    CN_FIELD(cn_layer_args, BOOL, trainable),
    CN_FIELD(cn_layer_args, DTYPE, dtype),
    CN_FIELD_FLAGS(cn_layer_args, INTS, batch_input_shape, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_layer_args, INTS, input_shape, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_layer_args, INT64, batch_size, CN_FIELD_UNSAVED),
    {0},
};

static const cn_field loss[] = {
    CN_FIELD_FLAGS(cn_loss_args, STRING, reduction, CN_FIELD_KERAS2),
    CN_FIELD(cn_loss_args, STRING, name),
    CN_FIELD_FLAGS(cn_loss_args, STRING, reduction, CN_FIELD_KERAS3),
    CN_FIELD_FLAGS(cn_loss_args, DTYPE, dtype, CN_FIELD_UNSAVED),
    {0},
};

static const cn_field metric[] = {
    CN_FIELD(cn_metric_args, STRING, name),
    CN_FIELD(cn_metric_args, DTYPE, dtype),
    {0},
};

static const cn_field optimizer[] = {
    CN_FIELD(cn_optimizer_args, STRING, name),
    CN_FIELD_FLAGS(cn_optimizer_args, DOUBLE, learning_rate,
                   CN_FIELD_KERAS3 | CN_FIELD_FLOAT32_ALWAYS),
    CN_FIELD(cn_optimizer_args, DOUBLE, weight_decay),
    CN_FIELD(cn_optimizer_args, DOUBLE, clipnorm),
    CN_FIELD(cn_optimizer_args, DOUBLE, global_clipnorm),
    CN_FIELD(cn_optimizer_args, DOUBLE, clipvalue),
    CN_FIELD(cn_optimizer_args, BOOL, use_ema),
    CN_FIELD(cn_optimizer_args, DOUBLE, ema_momentum),
    CN_FIELD(cn_optimizer_args, INT64, ema_overwrite_frequency),
    CN_FIELD_FLAGS(cn_optimizer_args, DOUBLE, loss_scale_factor, CN_FIELD_KERAS3),
    CN_FIELD_FLAGS(cn_optimizer_args, INT64, gradient_accumulation_steps, CN_FIELD_KERAS3),
    CN_FIELD_FLAGS(cn_optimizer_args, DOUBLE, learning_rate,
                   CN_FIELD_KERAS2 | CN_FIELD_FLOAT32_ALWAYS),
    CN_FIELD_FLAGS(cn_optimizer_args, SCHEDULE, learning_rate_schedule, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_optimizer_args, DOUBLE, decay, CN_FIELD_UNSAVED),
    {0},
};

const cn_field *cn__base_fields(cn__kind kind)
{
    switch (kind) {
    case CN__LAYER:
    case CN__MODEL: return layer;
    case CN__LOSS: return loss;
    case CN__METRIC: return metric;
    case CN__OPTIMIZER: return optimizer;
    default: return none;
    }
}
