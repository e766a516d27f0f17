/* Counts of right and wrong decisions at thresholds, which many metrics are made of. */
#ifndef CN_METRICS_CONFUSION_H
#define CN_METRICS_CONFUSION_H

#include "metrics/metric.h"

enum {
    CN__TRUE_POSITIVES,
    CN__FALSE_POSITIVES,
    CN__TRUE_NEGATIVES,
    CN__FALSE_NEGATIVES,
    CN__CONFUSION_COUNTS
};

/* What a metric counts, and how. */
typedef struct cn__confusion {
    float *thresholds; /* owned */
    int64_t n;
    bool even;               /* thresholds are i / (n - 1): Keras compares p (n - 1) with i */
    bool open_ended;         /* the first is below 0 */
    int64_t top_k, class_id; /* CN_NONE: none */
    bool multi_label;
    cn_floats label_weights;
    int variable[CN__CONFUSION_COUNTS]; /* the variable of each count, or -1 */
} cn__confusion;

/* Thresholds as given (none: `otherwise`), checked to lie in [0, 1]; no variables yet. 0 or an
 * error. */
int cn__confusion_init(cn__confusion *c, const cn_floats *thresholds, double otherwise);
/* n thresholds evenly from 0 to 1, the first and last moved outwards by 1e-7 if `open_ended`. */
int cn__confusion_init_even(cn__confusion *c, int64_t n, bool open_ended);
/* Adds a variable for a count, of the shape (thresholds). 0 or an error. */
int cn__confusion_count(cn_metric *self, cn__confusion *c, int count, const char *name);
int cn__confusion_update(cn_metric *self, const cn__confusion *c, cn_tensor *y_true,
                         cn_tensor *y_pred, cn_tensor *sample_weight);
void cn__confusion_free(void *confusion);

#endif
