/* The progress bar of Keras, in the words and strokes of each of its generations. */
#ifndef CN_UTILS_PROGRESS_H
#define CN_UTILS_PROGRESS_H

#include "core/memory.h"
#include "utils/logs.h"

typedef struct cn__progress_value {
    char *name;
    double sum, weight;
    bool stateful; /* shown as it is, not averaged over the steps */
} cn__progress_value;

typedef struct cn__progress {
    int64_t target; /* steps, or samples in Keras 2.3 and before; CN_NONE while it is not known */
    int verbose;    /* 0 nothing, 1 a bar, 2 one line at the end */
    int keras;      /* the version whose text is written */
    bool in_place;  /* the bar is drawn over itself; else each on a line of its own */
    const char *unit;
    double (*clock)(void *user); /* seconds; NULL: the monotonic clock. For tests */
    void *clock_user;
    double start, last_update, after_first_step;
    bool first_step_done;
    int64_t seen;
    int64_t width; /* of what stands on the line */
    cn__progress_value *values;
    int64_t n, capacity;
    const char *const *stateful_names; /* ended by NULL; the caller's; NULL: all */
} cn__progress;

/* Whether bars of this version count samples (multi-backend Keras, tf.keras before 2.2), not steps.
 */
bool cn__progress_counts_samples(int keras);
/* Starts a bar in `bar`, whatever was in it. Training bars of Keras 2.3 and before count samples,
 * so that `target` and `current` are numbers of samples. */
void cn__progress_begin(cn__progress *bar, int64_t target, int verbose, int keras,
                        const char *const *stateful_names);
/* Takes the values of the logs in their order (NULL: none) and draws, at most every 0.05 s unless
 * `finalize`. 0 or an error. */
int cn__progress_update(cn__progress *bar, int64_t current, const cn_logs *logs, bool finalize);
void cn__progress_end(cn__progress *bar);
/* "Epoch 1/10": printed if verbose and there is more than one epoch; Keras 2.3 and before always
 * does. `epoch` counts from 0. */
void cn__progress_epoch(int keras, int verbose, int64_t epoch, int64_t epochs);

#endif
