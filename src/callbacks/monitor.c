/* Monitors: which way is better, and how versions of Keras name what they log and print. */
#include "callbacks/support.h"
#include "utils/logs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static int direction_by_name(const char *monitor, bool by_ending)
{
    bool up = by_ending ? ends_with(monitor, "acc") || ends_with(monitor, "accuracy") ||
                              ends_with(monitor, "auc")
                        : strstr(monitor, "acc") != NULL;
    return up ? 1 : -1;
}

/* Keras 3 asks the metric itself. */
static int direction_by_metric(const cn_callback *self, const char *monitor)
{
    const char *metric = strncmp(monitor, "val_", 4) == 0 ? monitor + 4 : monitor;
    int direction = self->view ? self->view->direction(self->model, metric) : 0;
    if (!direction && strcmp(metric, "loss") == 0) {
        direction = -1;
    }
    if (direction) {
        return direction;
    }
    cn__fail(CN_EVALUE,
             "%s callback received monitor=%s, but Keras isn't able to automatically determine "
             "whether that metric should be maximized or minimized. Pass `mode='max'` in order to "
             "monitor based on the highest metric value, or pass `mode='min'` in order to use the "
             "lowest value.",
             self->base.class->name, monitor);
    return 0;
}

int cn__monitor_direction(const cn_callback *self, const char *monitor, const char *mode,
                          bool by_ending)
{
    if (mode && strcmp(mode, "min") == 0) {
        return -1;
    }
    if (mode && strcmp(mode, "max") == 0) {
        return 1;
    }
    /* Keras takes an unknown mode for "auto". */
    return cn__is_keras3(self->base.keras) ? direction_by_metric(self, monitor)
                                           : direction_by_name(monitor, by_ending);
}

int cn__log_learning_rate(const cn_callback *self, cn_logs *logs)
{
    double rate = self->view->learning_rate(self->model);
    if (cn__is_keras3(self->base.keras)) {
        return cn_logs_set(logs, "learning_rate", rate);
    }
    return cn__logs_set_single(logs, "lr", (float)rate);
}

char *cn__epoch_words(const cn_callback *self, int64_t epoch, char *buffer, size_t size)
{
    snprintf(buffer, size, self->base.keras < 208 ? "Epoch %05" PRId64 : "Epoch %" PRId64,
             epoch + 1);
    return buffer;
}
