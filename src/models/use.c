/* Who uses a model now: one thread that trains or evaluates it, or any number that predict. */
#include "models/training.h"

#include <pthread.h>

/* The address of a thread's own variable names the thread. */
static _Thread_local char self;

static int busy(const cn_model *model, const char *who, const char *other)
{
    return cn__fail(
        CN_ESTATE,
        "%s: the model \"%s\" is in use by `%s()` in another thread. Several threads may "
        "predict with one model at once; training one wants it for itself.",
        who, model->layer.base.name, other);
}

static int enter_predict(cn_model *model, const char *who)
{
    atomic_fetch_add(&model->predictors, 1);
    /* A callback of fit may predict with the model that is trained: between two steps, in the same
     * thread. */
    if (atomic_load(&model->trains) > 0 && atomic_load(&model->user) != (uintptr_t)&self) {
        atomic_fetch_sub(&model->predictors, 1);
        return busy(model, who, "fit");
    }
    return 0;
}

int cn__model_enter(cn_model *model, cn__phase phase, const char *who)
{
    if (phase == CN__PREDICT) {
        return enter_predict(model, who);
    }
    uintptr_t me = (uintptr_t)&self, nobody = 0;
    if (atomic_load(&model->user) != me &&
        !atomic_compare_exchange_strong(&model->user, &nobody, me)) {
        return busy(model, who, atomic_load(&model->trains) > 0 ? "fit" : "evaluate");
    }
    model->depth++;
    if (phase == CN__TRAIN) {
        /* Sequentially consistent on both sides: of a training and a predicting thread at least one
         * sees the other. */
        atomic_fetch_add(&model->trains, 1);
        if (atomic_load(&model->predictors) > 0) {
            cn__model_leave(model, phase);
            return busy(model, who, "predict");
        }
    }
    return 0;
}

void cn__model_leave(cn_model *model, cn__phase phase)
{
    if (phase == CN__PREDICT) {
        atomic_fetch_sub(&model->predictors, 1);
        return;
    }
    if (phase == CN__TRAIN) {
        atomic_fetch_sub(&model->trains, 1);
    }
    if (--model->depth == 0) {
        atomic_store(&model->user, 0);
    }
}

/* A few locks for all models; recursive, since a layer of one's own may run another model while its
 * model is traced. */
enum { LOCKS = 16 };
static pthread_mutex_t locks[LOCKS];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_locks(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    for (int i = 0; i < LOCKS; i++) {
        pthread_mutex_init(&locks[i], &recursive);
    }
    pthread_mutexattr_destroy(&recursive);
}

static pthread_mutex_t *lock_of(const cn_model *model)
{
    pthread_once(&once, make_locks);
    return &locks[((uintptr_t)model >> 6) % LOCKS];
}

void cn__model_lock(const cn_model *model)
{
    pthread_mutex_lock(lock_of(model));
}

void cn__model_unlock(const cn_model *model)
{
    pthread_mutex_unlock(lock_of(model));
}

cn__program *cn__model_acquire(cn_model *model, cn__phase phase, const cn__feed *feed, int64_t rows)
{
    cn__program *program = NULL;
    cn__model_lock(model);
    /* Training goes on with the layers as they were when it began; only what compile has taken away
     * is made again. */
    bool keeps = phase != CN__PREDICT && model->programs[phase].trace;
    if (keeps || cn__model_prepare(model, phase, feed) == 0) {
        program = cn__ref(cn__model_program(model, phase, rows));
    }
    cn__model_unlock(model);
    return program;
}
