/* Callbacks (keras.callbacks): what is called while a model trains; logs, histories, and where
 * Keras's own lines go. */
#ifndef CORNU_CALLBACKS_H
#define CORNU_CALLBACKS_H

#include <cornu/classes.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers of a batch or an epoch by name, in Keras's order. A hook may add to them. */
CN_API double cn_logs_get(const cn_logs *logs, const char *name, double otherwise);
CN_API bool cn_logs_has(const cn_logs *logs, const char *name);
/* Sets or adds a number; callbacks that run later, the history and the bar see it. */
CN_API int cn_logs_set(cn_logs *logs, const char *name, double value);
CN_API int cn_logs_count(const cn_logs *logs);
/* The i-th name, NULL past the end; the i-th value, NaN past it. */
CN_API const char *cn_logs_name_at(const cn_logs *logs, int index);
CN_API double cn_logs_value_at(const cn_logs *logs, int index);

/* The values of `name`, one an epoch (fewer for val_… with validation_freq), and how many in *n,
 * which may be NULL. NULL if there are none. They belong to the history. */
CN_API const double *cn_history_get(const cn_history *history, const char *name, int64_t *n);
CN_API int cn_history_count(const cn_history *history);
CN_API const char *cn_history_name_at(const cn_history *history, int index);
/* history.epoch: the numbers of the epochs, from 0. */
CN_API const int64_t *cn_history_epochs(const cn_history *history, int64_t *n);
/* {"loss": [0.5, 0.4], …} as Python's json.dumps writes history.history; a string of the current
 * scope. */
CN_API const char *cn_history_json(const cn_history *history);

/* A callback class. Every hook may be NULL; it returns 0, or a negative CN_E… with an error by
 * cn_fail, which ends the training. Epochs and batches count from 0. */
typedef struct cn_callback_class {
    cn_class base;
    int (*on_train_begin)(cn_callback *self, cn_logs *logs);
    int (*on_train_end)(cn_callback *self, cn_logs *logs);
    int (*on_epoch_begin)(cn_callback *self, int64_t epoch, cn_logs *logs);
    int (*on_epoch_end)(cn_callback *self, int64_t epoch, cn_logs *logs);
    int (*on_train_batch_begin)(cn_callback *self, int64_t batch, cn_logs *logs);
    int (*on_train_batch_end)(cn_callback *self, int64_t batch, cn_logs *logs);
    int (*on_test_begin)(cn_callback *self, cn_logs *logs);
    int (*on_test_end)(cn_callback *self, cn_logs *logs);
    int (*on_test_batch_begin)(cn_callback *self, int64_t batch, cn_logs *logs);
    int (*on_test_batch_end)(cn_callback *self, int64_t batch, cn_logs *logs);
    int (*on_predict_begin)(cn_callback *self, cn_logs *logs);
    int (*on_predict_end)(cn_callback *self, cn_logs *logs);
    int (*on_predict_batch_begin)(cn_callback *self, int64_t batch, cn_logs *logs);
    int (*on_predict_batch_end)(cn_callback *self, int64_t batch, cn_logs *logs);
    /* Checks the arguments and sets up the state, at construction; and what ends it. */
    int (*init)(cn_callback *self);
    void (*destroy)(cn_callback *self);
    size_t state_bytes; /* zeroed memory at cn_callback_state(self) */
} cn_callback_class;

/* self.params */
typedef struct cn_callback_params {
    int verbose;
    int64_t epochs, steps; /* CN_NONE: not known */
} cn_callback_params;

CN_API cn_callback *cn_callback_new(const cn_callback_class *cls, const void *args);
CN_API const void *cn_callback_arguments(const cn_callback *callback);
CN_API void *cn_callback_state(const cn_callback *callback);
/* The model that is trained, NULL outside of training. */
CN_API cn_model *cn_callback_model(const cn_callback *callback);
CN_API cn_callback_params cn_callback_parameters(const cn_callback *callback);
CN_API int cn_register_callback(const cn_callback_class *cls, const char *package);
/* A callback from a name, an object, or {"class_name": "EarlyStopping", "config": {"patience": 3}}.
 */
CN_API cn_callback *cn_callback_get(cn_identifier identifier);

/* keras.callbacks.LambdaCallback: functions instead of a class; `user` is handed to each. */
typedef struct cn_callback_lambda_args {
    size_t size;
    void (*on_train_begin)(cn_logs *logs, void *user);
    void (*on_train_end)(cn_logs *logs, void *user);
    void (*on_epoch_begin)(int64_t epoch, cn_logs *logs, void *user);
    void (*on_epoch_end)(int64_t epoch, cn_logs *logs, void *user);
    void (*on_train_batch_begin)(int64_t batch, cn_logs *logs, void *user);
    void (*on_train_batch_end)(int64_t batch, cn_logs *logs, void *user);
    void (*on_test_begin)(cn_logs *logs, void *user);
    void (*on_test_end)(cn_logs *logs, void *user);
    void (*on_test_batch_begin)(int64_t batch, cn_logs *logs, void *user);
    void (*on_test_batch_end)(int64_t batch, cn_logs *logs, void *user);
    void (*on_predict_begin)(cn_logs *logs, void *user);
    void (*on_predict_end)(cn_logs *logs, void *user);
    void (*on_predict_batch_begin)(int64_t batch, cn_logs *logs, void *user);
    void (*on_predict_batch_end)(int64_t batch, cn_logs *logs, void *user);
    void *user;
    CN__END;
} cn_callback_lambda_args;
#define CN_CALLBACK_LAMBDA_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_callback_lambda_args cn_callback_lambda_defaults;
CN_API cn_callback *cn_callback_lambda_with(const cn_callback_lambda_args *args);
#define cn_callback_lambda(...)                                                                    \
    CN__CALL(cn_callback_lambda_with, cn_callback_lambda_args, CN_CALLBACK_LAMBDA_DEFAULTS,        \
             __VA_ARGS__)

/* keras.callbacks.History; fit keeps one of its own and returns it. */
typedef struct cn_callback_args {
    size_t size;
    CN__END;
} cn_callback_args;
CN_API extern const cn_callback_args cn_callback_defaults;
CN_API cn_callback *cn_callback_history_with(const cn_callback_args *args);
#define cn_callback_history(...)                                                                   \
    CN__CALL(cn_callback_history_with, cn_callback_args, CN__NO_DEFAULTS, __VA_ARGS__)
/* What a History callback has gathered; belongs to it. */
CN_API cn_history *cn_callback_history_of(const cn_callback *callback);

/* keras.callbacks.ReduceLROnPlateau: multiplies the learning rate by factor after `patience` epochs
 * in which monitor did not become better by more than min_delta. mode "auto": "max" if the name has
 * "acc" in it (Keras 3: by the metric), else "min". */
typedef struct cn_callback_reduce_lr_on_plateau_args {
    size_t size;
    const char *monitor; /* "val_loss" */
    double factor;       /* 0.1; below 1 */
    int64_t patience;    /* 10 */
    int verbose;         /* 0; 1 prints a line at each reduction */
    const char *mode;    /* "auto", "min", "max" */
    double min_delta;    /* 1e-4 */
    int64_t cooldown;    /* 0: epochs to wait after a reduction */
    double min_lr;       /* 0 */
    CN__END;
} cn_callback_reduce_lr_on_plateau_args;
#define CN_CALLBACK_REDUCE_LR_ON_PLATEAU_DEFAULTS                                                  \
    .monitor = "val_loss", .factor = 0.1, .patience = 10, .mode = "auto", .min_delta = 1e-4
CN_API extern const cn_callback_reduce_lr_on_plateau_args cn_callback_reduce_lr_on_plateau_defaults;
CN_API cn_callback *cn_callback_reduce_lr_on_plateau_with(
    const cn_callback_reduce_lr_on_plateau_args *args);
#define cn_callback_reduce_lr_on_plateau(...)                                                      \
    CN__CALL(cn_callback_reduce_lr_on_plateau_with, cn_callback_reduce_lr_on_plateau_args,         \
             CN_CALLBACK_REDUCE_LR_ON_PLATEAU_DEFAULTS, __VA_ARGS__)

/* keras.callbacks.EarlyStopping: stops after `patience` epochs without an improvement of monitor by
 * more than min_delta (and beyond baseline). restore_best_weights takes the weights of the best
 * epoch back at the end of training; before tf.keras 2.16 only if it stopped by itself. */
typedef struct cn_callback_early_stopping_args {
    size_t size;
    const char *monitor;       /* "val_loss" */
    double min_delta;          /* 0 */
    int64_t patience;          /* 0 */
    int verbose;               /* 0 */
    const char *mode;          /* "auto", "min", "max" */
    double baseline;           /* None */
    bool restore_best_weights; /* false */
    int64_t start_from_epoch;  /* 0 */
    CN__END;
} cn_callback_early_stopping_args;
#define CN_CALLBACK_EARLY_STOPPING_DEFAULTS                                                        \
    .monitor = "val_loss", .mode = "auto", .baseline = CN_NONE_FLOAT
CN_API extern const cn_callback_early_stopping_args cn_callback_early_stopping_defaults;
CN_API cn_callback *cn_callback_early_stopping_with(const cn_callback_early_stopping_args *args);
#define cn_callback_early_stopping(...)                                                            \
    CN__CALL(cn_callback_early_stopping_with, cn_callback_early_stopping_args,                     \
             CN_CALLBACK_EARLY_STOPPING_DEFAULTS, __VA_ARGS__)

/* keras.callbacks.LearningRateScheduler: before each epoch the learning rate becomes
 * schedule(epoch, rate, user), or that of a schedule object at the epoch. */
typedef struct cn_callback_learning_rate_scheduler_args {
    size_t size;
    double (*schedule)(int64_t epoch, double learning_rate, void *user);
    cn_identifier schedule_object; /* instead of a function */
    int verbose;                   /* 0 */
    void *user;
    CN__END;
} cn_callback_learning_rate_scheduler_args;
#define CN_CALLBACK_LEARNING_RATE_SCHEDULER_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_callback_learning_rate_scheduler_args
    cn_callback_learning_rate_scheduler_defaults;
CN_API cn_callback *cn_callback_learning_rate_scheduler_with(
    const cn_callback_learning_rate_scheduler_args *args);
#define cn_callback_learning_rate_scheduler(...)                                                   \
    CN__CALL(cn_callback_learning_rate_scheduler_with, cn_callback_learning_rate_scheduler_args,   \
             CN_CALLBACK_LEARNING_RATE_SCHEDULER_DEFAULTS, __VA_ARGS__)

/* keras.callbacks.TerminateOnNaN: stops when the loss of a batch is NaN or infinite; with
 * raise_error (Keras 3.13) as an error. */
typedef struct cn_callback_terminate_on_nan_args {
    size_t size;
    bool raise_error; /* false */
    CN__END;
} cn_callback_terminate_on_nan_args;
#define CN_CALLBACK_TERMINATE_ON_NAN_DEFAULTS CN__NO_DEFAULTS
CN_API extern const cn_callback_terminate_on_nan_args cn_callback_terminate_on_nan_defaults;
CN_API cn_callback *cn_callback_terminate_on_nan_with(
    const cn_callback_terminate_on_nan_args *args);
#define cn_callback_terminate_on_nan(...)                                                          \
    CN__CALL(cn_callback_terminate_on_nan_with, cn_callback_terminate_on_nan_args,                 \
             CN_CALLBACK_TERMINATE_ON_NAN_DEFAULTS, __VA_ARGS__)

/* keras.callbacks.CSVLogger: one row an epoch, flushed as it is written. */
typedef struct cn_callback_csv_logger_args {
    size_t size;
    const char *filename;
    const char *separator; /* "," */
    bool append;           /* false: begins the file anew */
    CN__END;
} cn_callback_csv_logger_args;
#define CN_CALLBACK_CSV_LOGGER_DEFAULTS .separator = ","
CN_API extern const cn_callback_csv_logger_args cn_callback_csv_logger_defaults;
CN_API cn_callback *cn_callback_csv_logger_with(const cn_callback_csv_logger_args *args);
#define cn_callback_csv_logger(...) cn__callback_csv_logger(__VA_ARGS__, .end_ = 0)
#define cn__callback_csv_logger(file, ...)                                                         \
    CN__CALL(cn_callback_csv_logger_with, cn_callback_csv_logger_args,                             \
             CN_CALLBACK_CSV_LOGGER_DEFAULTS CN__COMMA.filename = (file), __VA_ARGS__)

/* Where everything goes that Keras itself prints: bars, lines of callbacks, summaries. NULL:
 * standard output again. */
CN_API int cn_set_output(void (*write)(const char *text, void *user), void *user);

#ifdef __cplusplus
}
#endif
#endif
