/* EarlyStopping: ends training when a monitored value no longer gets better, and may bring the best
 * weights back. */
#include "callbacks/support.h"
#include "core/tensor.h"
#include "utils/print.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef cn_callback_early_stopping_args arguments;

typedef struct stopping {
    double best;
    bool has_best;
    int direction; /* 0: not determined yet */
    int64_t wait, stopped_epoch, best_epoch;
    void **kept; /* copies of the weights' bytes; NULL: none */
    int n_kept;
} stopping;

/* Until tf.keras 2.6 a baseline was the first best, and the first epoch counted like any other. */
static bool is_old(const cn_callback *self)
{
    return self->base.keras < 207;
}

/* From 2.16 on the best weights come back at the end of training, whoever ended it. */
static bool restores_at_end(const cn_callback *self)
{
    return self->base.keras >= 216;
}

static void forget(stopping *s)
{
    for (int i = 0; i < s->n_kept; i++) {
        cn__free_mem(s->kept[i]);
    }
    cn__free_mem(s->kept);
    s->kept = NULL;
    s->n_kept = 0;
}

static void destroy(cn_callback *self)
{
    forget(self->state);
}

static int begin(cn_callback *self, cn_logs *logs)
{
    const arguments *a = self->base.args;
    stopping *s = self->state;
    (void)logs;
    forget(s);
    *s = (stopping){0};
    if (is_old(self) && !isnan(a->baseline)) {
        s->best = a->baseline;
        s->has_best = true;
    }
    return 0;
}

/* The weights of the model in an array that the caller frees; NULL and an error, or NULL and *n ==
 * 0. */
static cn_tensor **list_weights(const cn_callback *self, int *n)
{
    *n = self->view->weights(self->model, NULL, 0);
    cn_tensor **list = *n > 0 ? cn__calloc((size_t)*n, sizeof *list) : NULL;
    if (list && self->view->weights(self->model, list, *n) < 0) {
        cn__free_mem(list);
        list = NULL;
    }
    return list;
}

static int keep(cn_callback *self, int64_t epoch)
{
    stopping *s = self->state;
    int n;
    cn_tensor **weights = list_weights(self, &n);
    forget(s);
    s->best_epoch = epoch;
    s->kept = weights ? cn__calloc((size_t)n, sizeof *s->kept) : NULL;
    for (int i = 0; s->kept && i < n; i++) {
        const void *data = cn__data(weights[i]);
        s->kept[i] = data ? cn__malloc(cn__bytes(weights[i])) : NULL;
        s->n_kept = i + 1;
        if (!s->kept[i]) {
            break;
        }
        memcpy(s->kept[i], data, cn__bytes(weights[i]));
    }
    cn__free_mem(weights);
    return cn_error_code();
}

static int restore(cn_callback *self)
{
    const arguments *a = self->base.args;
    stopping *s = self->state;
    int n, code = 0;
    if (!s->kept) {
        return 0;
    }
    if (a->verbose > 0 && is_old(self)) {
        code = cn__print_format("Restoring model weights from the end of the best epoch%s\n",
                                cn__is_multi_backend(self->base.keras) ? "" : ".");
    } else if (a->verbose > 0) {
        code = cn__print_format("Restoring model weights from the end of the best epoch: %" PRId64
                                ".\n",
                                s->best_epoch + 1);
    }
    cn_tensor **weights = code < 0 ? NULL : list_weights(self, &n);
    for (int i = 0; weights && i < n && i < s->n_kept; i++) {
        void *data = cn__data_write(weights[i]);
        if (data) {
            memcpy(data, s->kept[i], cn__bytes(weights[i]));
        }
    }
    cn__free_mem(weights);
    return cn_error_code();
}

/* Whether `value` is better than `other` by more than min_delta. */
static bool is_better(const cn_callback *self, double value, double other)
{
    const arguments *a = self->base.args;
    const stopping *s = self->state;
    double delta = fabs(a->min_delta);
    return s->direction > 0 ? value - delta > other : value + delta < other;
}

static bool improved(const cn_callback *self, double current)
{
    const stopping *s = self->state;
    if (s->has_best) {
        return is_better(self, current, s->best);
    }
    return cn__is_keras3(self->base.keras) ||
           is_better(self, current, s->direction > 0 ? -INFINITY : INFINITY);
}

static int stop(cn_callback *self, int64_t epoch)
{
    const arguments *a = self->base.args;
    stopping *s = self->state;
    s->stopped_epoch = epoch;
    cn__callback_stop(self);
    return a->restore_best_weights && !restores_at_end(self) ? restore(self) : 0;
}

static int take_best(cn_callback *self, int64_t epoch, double current)
{
    const arguments *a = self->base.args;
    stopping *s = self->state;
    s->best = current;
    s->has_best = true;
    s->best_epoch = epoch;
    if (is_old(self) || isnan(a->baseline) || is_better(self, current, a->baseline)) {
        s->wait = 0;
    }
    return a->restore_best_weights ? keep(self, epoch) : 0;
}

static int epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    const arguments *a = self->base.args;
    stopping *s = self->state;
    int code = cn__callback_need_model(self);
    if (code < 0) {
        return code;
    }
    if (!s->direction) {
        s->direction = cn__monitor_direction(self, a->monitor, a->mode, !is_old(self));
    }
    /* A value that is not there is no error: Keras warns and goes on. */
    if (!s->direction || !cn_logs_has(logs, a->monitor) || epoch < a->start_from_epoch) {
        return cn_error_code();
    }
    double current = cn_logs_get(logs, a->monitor, NAN);
    bool better = improved(self, current);
    if (is_old(self)) {
        s->wait += !better;
        return better                   ? take_best(self, epoch, current)
               : s->wait >= a->patience ? stop(self, epoch)
                                        : 0;
    }
    if (a->restore_best_weights && !s->kept && (code = keep(self, epoch)) < 0) {
        return code;
    }
    s->wait++;
    if (better) {
        return take_best(self, epoch, current);
    }
    return s->wait >= a->patience && epoch > 0 ? stop(self, epoch) : 0;
}

static int end(cn_callback *self, cn_logs *logs)
{
    const arguments *a = self->base.args;
    const stopping *s = self->state;
    char words[40];
    int code = 0;
    (void)logs;
    if (s->stopped_epoch > 0 && a->verbose > 0) {
        code = cn__print_format("%s: early stopping\n",
                                cn__epoch_words(self, s->stopped_epoch, words, sizeof words));
    }
    bool restores = a->restore_best_weights && restores_at_end(self) && self->view;
    return code == 0 && restores ? restore(self) : code;
}

#define T cn_callback_early_stopping_args
static const cn_field fields[] = {CN_FIELD(T, STRING, monitor),
                                  CN_FIELD(T, DOUBLE, min_delta),
                                  CN_FIELD(T, INT64, patience),
                                  CN_FIELD(T, INT, verbose),
                                  CN_FIELD(T, STRING, mode),
                                  CN_FIELD(T, DOUBLE, baseline),
                                  CN_FIELD(T, BOOL, restore_best_weights),
                                  CN_FIELD(T, INT64, start_from_epoch),
                                  {0}};
const T cn_callback_early_stopping_defaults = {.size = sizeof(T),
                                               CN_CALLBACK_EARLY_STOPPING_DEFAULTS};
const cn_callback_class cn__callback_early_stopping = {
    CN__CALLBACK_BASE("EarlyStopping", T, cn_callback_early_stopping_defaults, fields),
    .destroy = destroy,
    .state_bytes = sizeof(stopping),
    .on_train_begin = begin,
    .on_epoch_end = epoch_end,
    .on_train_end = end};

cn_callback *cn_callback_early_stopping_with(const T *args)
{
    return cn_callback_new(&cn__callback_early_stopping, args);
}
