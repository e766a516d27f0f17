/* What the built-in callbacks share: the head of a record, access to the model, monitors. */
#ifndef CN_CALLBACKS_SUPPORT_H
#define CN_CALLBACKS_SUPPORT_H

#include "core/callback.h"

#define CN__CALLBACK_BASE(keras_name, T, default_args, table)                                      \
    .base = {.size = sizeof(cn_callback_class),                                                    \
             .name = keras_name,                                                                   \
             .module = "keras.callbacks",                                                          \
             .args_size = sizeof(T),                                                               \
             .defaults = &default_args,                                                            \
             .fields = table}

/* 0, or an error that says that hooks are called by fit. */
int cn__callback_need_model(const cn_callback *self);
void cn__callback_stop(cn_callback *self);

/* Which way a monitored value gets better: 1 upwards, -1 downwards; an error where Keras 3 cannot
 * tell. Keras 2 looks at the name: for anything with "acc" in it, or (`by_ending`) with the ending
 * acc, accuracy or auc. */
int cn__monitor_direction(const cn_callback *self, const char *monitor, const char *mode,
                          bool by_ending);
/* "learning_rate" in Keras 3, "lr" before: puts the present rate into the logs. */
int cn__log_learning_rate(const cn_callback *self, cn_logs *logs);
/* "Epoch 00005" up to tf.keras 2.7, "Epoch 5" since; `epoch` counts from 0. */
char *cn__epoch_words(const cn_callback *self, int64_t epoch, char *buffer, size_t size);

#endif
