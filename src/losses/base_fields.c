/* The fields that every loss has at the head of its argument struct, in the order of Keras's
 * configs. */
#include "core/instance.h"
#include <cornu/losses.h>

extern const cn_field cn__loss_base_fields[];

const cn_field cn__loss_base_fields[] = {
    CN_FIELD_FLAGS(cn_loss_args, STRING, reduction, CN_FIELD_KERAS2),
    CN_FIELD(cn_loss_args, STRING, name),
    CN_FIELD_FLAGS(cn_loss_args, STRING, reduction, CN_FIELD_KERAS3),
    CN_FIELD_FLAGS(cn_loss_args, DTYPE, dtype, CN_FIELD_UNSAVED),
    {0},
};
