/* Checks of data: effects that stop a step before it changes anything. */
#ifndef CN_OPS_CHECK_H
#define CN_OPS_CHECK_H

#include "core/op.h"

/* How a message about an index is worded. */
typedef enum cn__check_words {
    CN__CHECK_INDICES, /* indices[1,0] = 7 is not in [0, 5) */
    CN__CHECK_LABELS   /* Received a label value of 7 which is outside the valid range of [0, 5) */
} cn__check_words;

/* Fails with CN_EINDEX when an integer of `indices` is outside 0 … n - 1 and is not `ignore`
 * (CN_NONE: nothing is ignored). In a trace the check becomes an effect of the program. 0 or the
 * error. */
int cn__check_indices(cn_tensor *indices, int64_t n, int64_t ignore, cn__check_words words);
/* Fails with CN_EINDEX and `message` (a text that lives as long as the program) when an element of
 * x is outside [low, high] or NaN. */
int cn__check_range(cn_tensor *x, double low, double high, const char *message);

#endif
