/* The fields that every metric has at the head of its argument struct, in the order of Keras's
 * configs. */
#include "core/instance.h"
#include <cornu/metrics.h>

extern const cn_field cn__metric_base_fields[];

const cn_field cn__metric_base_fields[] = {
    CN_FIELD(cn_metric_args, STRING, name),
    CN_FIELD(cn_metric_args, DTYPE, dtype),
    {0},
};
