/* The structs behind cn_logs and cn_history. */
#ifndef CN_UTILS_LOGS_H
#define CN_UTILS_LOGS_H

#include "core/object.h"
#include <cornu/callbacks.h>

typedef struct cn__log {
    char *name;
    double value;
    bool single; /* numpy shows it as a float32, with fewer digits */
} cn__log;

/* Filled when somebody reads it, so that a batch costs nothing while nobody does. A zeroed struct
 * is empty. */
struct cn_logs {
    cn__log *list;
    int64_t n, capacity;
    int (*fill)(cn_logs *logs, void *user); /* called once, before the first reading; may be NULL */
    void *user;
    bool filled;
};

/* Forgets the values, keeps the memory, and takes a new source (which may be NULL). */
void cn__logs_reset(cn_logs *logs, int (*fill)(cn_logs *logs, void *user), void *user);
void cn__logs_free(cn_logs *logs);
/* Fills it now if that is still to be done; 0 or an error. */
int cn__logs_fill(cn_logs *logs);
/* As cn_logs_set, for what numpy would show as a float32. */
int cn__logs_set_single(cn_logs *logs, const char *name, float value);
/* The entry of this name, or NULL. */
const cn__log *cn__logs_find(const cn_logs *logs, const char *name);
/* Puts the entries from `first` on in the order of their names, as Keras 3 does. */
void cn__logs_sort(cn_logs *logs, int64_t first);
/* Adds the entries of `from` with a prefix ("val_"). */
int cn__logs_merge(cn_logs *logs, const cn_logs *from, const char *prefix);
/* "loss,accuracy,val_loss": the names with commas; caller frees. */
char *cn__logs_names(const cn_logs *logs);

typedef struct cn__series {
    char *name;
    double *values;
    int64_t n, capacity;
} cn__series;

struct cn_history {
    cn__object object;
    int64_t *epochs;
    int64_t n_epochs, epochs_capacity;
    cn__series *series;
    int64_t n_series, series_capacity;
};

/* An empty history of the current scope. */
cn_history *cn__history_new(void);
/* One epoch more: appends every entry of the logs. */
int cn__history_append(cn_history *history, int64_t epoch, const cn_logs *logs);
/* Forgets the epochs but not the values, as Keras does when training begins again. */
void cn__history_restart(cn_history *history);

#endif
