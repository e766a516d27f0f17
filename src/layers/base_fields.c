/* The fields that every layer has at the head of its argument struct, in the order of Keras's
 * configs. */
#include "core/instance.h"
#include <cornu/layers.h>

extern const cn_field cn__layer_base_fields[];

const cn_field cn__layer_base_fields[] = {
    CN_FIELD(cn_layer_args, STRING, name),
    CN_FIELD(cn_layer_args, BOOL, trainable),
    CN_FIELD(cn_layer_args, DTYPE, dtype),
    CN_FIELD_FLAGS(cn_layer_args, INTS, batch_input_shape, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_layer_args, INTS, input_shape, CN_FIELD_UNSAVED),
    CN_FIELD_FLAGS(cn_layer_args, INT64, batch_size, CN_FIELD_UNSAVED),
    {0},
};
