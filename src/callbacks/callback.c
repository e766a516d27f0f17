/* Callbacks as objects, and the plain ones: functions of the user's, History, TerminateOnNaN. */
#include "core/callback.h"
#include "callbacks/support.h"
#include "utils/logs.h"
#include "utils/print.h"

#include <inttypes.h>
#include <math.h>

static int init_callback(void *instance)
{
    cn_callback *self = instance;
    const cn_callback_class *class = cn__callback_class(self);
    self->params = (cn_callback_params){.verbose = 1, .epochs = 1, .steps = CN_NONE};
    if (class->state_bytes) {
        self->state = cn__calloc(1, class->state_bytes);
        if (!self->state) {
            return CN_ENOMEM;
        }
    }
    return class->init ? class->init(self) : 0;
}

static void destroy_callback(void *instance)
{
    cn_callback *self = instance;
    const cn_callback_class *class = cn__callback_class(self);
    if (class->destroy && (self->state || !class->state_bytes)) {
        class->destroy(self);
    }
    cn__free_mem(self->state);
}

const cn__kind_info cn__kind_callback = {.type = {CN__CALLBACK, "callback", NULL},
                                         .bytes = sizeof(cn_callback),
                                         .module = "keras.callbacks",
                                         .init = init_callback,
                                         .destroy = destroy_callback};

cn_callback *cn_callback_new(const cn_callback_class *cls, const void *args)
{
    if (!cls) {
        cn__fail(CN_EVALUE, "cn_callback_new: the class is NULL");
        return NULL;
    }
    return cn__create(CN__CALLBACK, &cls->base, args);
}

const void *cn_callback_arguments(const cn_callback *callback)
{
    return cn__expect(callback, CN__CALLBACK, "cn_callback_arguments") < 0 ? NULL
                                                                           : callback->base.args;
}

void *cn_callback_state(const cn_callback *callback)
{
    return cn__expect(callback, CN__CALLBACK, "cn_callback_state") < 0 ? NULL : callback->state;
}

cn_model *cn_callback_model(const cn_callback *callback)
{
    return cn__expect(callback, CN__CALLBACK, "cn_callback_model") < 0 ? NULL : callback->model;
}

cn_callback_params cn_callback_parameters(const cn_callback *callback)
{
    return cn__expect(callback, CN__CALLBACK, "cn_callback_parameters") < 0
               ? (cn_callback_params){.epochs = CN_NONE, .steps = CN_NONE}
               : callback->params;
}

int cn_register_callback(const cn_callback_class *cls, const char *package)
{
    return cn__class_register(CN__CALLBACK, &cls->base, package);
}

cn_callback *cn_callback_get(cn_identifier identifier)
{
    if (cn__identifier_kind(identifier)) {
        return cn__expect(identifier, CN__CALLBACK, "callback") < 0
                   ? NULL
                   : (cn_callback *)(uintptr_t)identifier;
    }
    cn_callback *callback = cn__resolve(CN__CALLBACK, identifier, "callback");
    return callback ? cn__into_scope(callback) : NULL;
}

int cn__callback_need_model(const cn_callback *self)
{
    if (self->model && self->view) {
        return 0;
    }
    return cn__fail(CN_ESTATE, "%s: the callback belongs to no model; its hooks are called by fit",
                    self->base.class->name);
}

void cn__callback_stop(cn_callback *self)
{
    if (self->view) {
        self->view->stop_training(self->model);
    }
}

#define PLAIN(hook)                                                                                \
    static int lambda_##hook(cn_callback *self, cn_logs *logs)                                     \
    {                                                                                              \
        const cn_callback_lambda_args *a = self->base.args;                                        \
        if (a->hook) {                                                                             \
            a->hook(logs, a->user);                                                                \
        }                                                                                          \
        return cn_error_code();                                                                    \
    }
#define COUNTED(hook)                                                                              \
    static int lambda_##hook(cn_callback *self, int64_t index, cn_logs *logs)                      \
    {                                                                                              \
        const cn_callback_lambda_args *a = self->base.args;                                        \
        if (a->hook) {                                                                             \
            a->hook(index, logs, a->user);                                                         \
        }                                                                                          \
        return cn_error_code();                                                                    \
    }
#define HOOK_MAP(PLAIN_, COUNTED_)                                                                 \
    PLAIN_(on_train_begin)                                                                         \
    PLAIN_(on_train_end)                                                                           \
    PLAIN_(on_test_begin)                                                                          \
    PLAIN_(on_test_end)                                                                            \
    PLAIN_(on_predict_begin)                                                                       \
    PLAIN_(on_predict_end)                                                                         \
    COUNTED_(on_epoch_begin)                                                                       \
    COUNTED_(on_epoch_end)                                                                         \
    COUNTED_(on_train_batch_begin)                                                                 \
    COUNTED_(on_train_batch_end)                                                                   \
    COUNTED_(on_test_batch_begin)                                                                  \
    COUNTED_(on_test_batch_end)                                                                    \
    COUNTED_(on_predict_batch_begin)                                                               \
    COUNTED_(on_predict_batch_end)
HOOK_MAP(PLAIN, COUNTED)

#define MEMBER(hook) .hook = lambda_##hook,
const cn_callback_lambda_args cn_callback_lambda_defaults = {.size =
                                                                 sizeof(cn_callback_lambda_args)};
const cn_callback_class cn__callback_lambda = {
    CN__CALLBACK_BASE("LambdaCallback", cn_callback_lambda_args, cn_callback_lambda_defaults, NULL),
    HOOK_MAP(MEMBER, MEMBER)};

cn_callback *cn_callback_lambda_with(const cn_callback_lambda_args *args)
{
    return cn_callback_new(&cn__callback_lambda, args);
}

typedef struct history_state {
    cn_history *history; /* owned */
} history_state;

static int init_history(cn_callback *self)
{
    history_state *state = self->state;
    cn_history *history = cn__history_new();
    state->history = cn__ref(history);
    cn_free(history);
    return state->history ? 0 : cn_error_code();
}

static void destroy_history(cn_callback *self)
{
    cn__unref(((history_state *)self->state)->history);
}

static int history_begin(cn_callback *self, cn_logs *logs)
{
    (void)logs;
    cn__history_restart(((history_state *)self->state)->history);
    return 0;
}

static int history_epoch_end(cn_callback *self, int64_t epoch, cn_logs *logs)
{
    return cn__history_append(((history_state *)self->state)->history, epoch, logs);
}

const cn_callback_args cn_callback_defaults = {.size = sizeof(cn_callback_args)};
const cn_callback_class cn__callback_history = {
    CN__CALLBACK_BASE("History", cn_callback_args, cn_callback_defaults, NULL),
    .init = init_history,
    .destroy = destroy_history,
    .state_bytes = sizeof(history_state),
    .on_train_begin = history_begin,
    .on_epoch_end = history_epoch_end};

cn_callback *cn_callback_history_with(const cn_callback_args *args)
{
    return cn_callback_new(&cn__callback_history, args);
}

cn_history *cn_callback_history_of(const cn_callback *callback)
{
    if (cn__expect(callback, CN__CALLBACK, "cn_callback_history_of") < 0) {
        return NULL;
    }
    if (callback->base.class != &cn__callback_history.base) {
        cn__fail(CN_ETYPE, "cn_callback_history_of: expected a History callback, got %s",
                 callback->base.class->name);
        return NULL;
    }
    return ((history_state *)callback->state)->history;
}

static int check_loss(cn_callback *self, int64_t batch, cn_logs *logs)
{
    const cn_callback_terminate_on_nan_args *a = self->base.args;
    double loss = cn_logs_get(logs, "loss", 0);
    if (isfinite(loss)) {
        return cn_error_code();
    }
    if (a->raise_error) {
        const char *text = isnan(loss) ? "nan" : loss > 0 ? "inf" : "-inf";
        return cn__fail(CN_EVALUE,
                        "NaN or Inf loss encountered at batch %" PRId64
                        ". Loss value: %s. Terminating training immediately.",
                        batch, text);
    }
    cn__callback_stop(self);
    return cn__print_format("Batch %" PRId64 ": Invalid loss, terminating training\n", batch);
}

static const cn_field terminate_fields[] = {
    CN_FIELD(cn_callback_terminate_on_nan_args, BOOL, raise_error), {0}};
const cn_callback_terminate_on_nan_args cn_callback_terminate_on_nan_defaults = {
    .size = sizeof(cn_callback_terminate_on_nan_args)};
const cn_callback_class cn__callback_terminate_on_nan = {
    CN__CALLBACK_BASE("TerminateOnNaN", cn_callback_terminate_on_nan_args,
                      cn_callback_terminate_on_nan_defaults, terminate_fields),
    .on_train_batch_end = check_loss};

cn_callback *cn_callback_terminate_on_nan_with(const cn_callback_terminate_on_nan_args *args)
{
    return cn_callback_new(&cn__callback_terminate_on_nan, args);
}
