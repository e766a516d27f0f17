/* The fields that every optimizer has at the head of its argument struct, in the order of Keras's
 * configs. */
#include "core/instance.h"
#include <cornu/optimizers.h>

extern const cn_field cn__optimizer_base_fields[];

const cn_field cn__optimizer_base_fields[] = {
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
