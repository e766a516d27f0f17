/* Choosing kernels and running a call at once. */
#include "kernels/registry.h"

#include "core/threads.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* CORNU_KERNELS=reference leaves the fast kernels out: what the tests compare with. */
static bool reference_only(void)
{
    static atomic_int state;
    int s = atomic_load_explicit(&state, memory_order_relaxed);
    if (!s) {
        const char *value = getenv("CORNU_KERNELS");
        s = value && !strcmp(value, "reference") ? 2 : 1;
        atomic_store_explicit(&state, s, memory_order_relaxed);
    }
    return s == 2;
}

const cn__kernel *cn__kernel_for(const cn__call *call)
{
    if (!reference_only()) {
        static const cn__claim *const lists[] = {
#if CN__HAVE_ONEDNN
            cn__onednn_claims,
#endif
            cn__cpu_claims,
        };
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            for (const cn__claim *claim = lists[i]; claim->op; claim++) {
                if (claim->op == call->op &&
                    (!claim->kernel->claims || claim->kernel->claims(call))) {
                    return claim->kernel;
                }
            }
        }
    }
    return call->op->reference;
}

typedef struct run_state {
    const cn__call *call;
    const cn__kernel *kernel;
    size_t scratch;
    atomic_int code;
    pthread_t caller;
} run_state;

static void run_units(void *user, int64_t begin, int64_t end)
{
    run_state *state = user;
    cn__call call = *state->call;
    int code = 0;
    if (state->scratch && !(call.scratch = cn__malloc_aligned(state->scratch))) {
        code = CN_ENOMEM;
    } else {
        code = state->kernel->run(&call, begin, end);
    }
    cn__free_aligned(call.scratch);
    if (code < 0) {
        int none = 0;
        atomic_compare_exchange_strong(&state->code, &none, code);
        if (!pthread_equal(pthread_self(), state->caller)) {
            cn_error_clear(); /* the caller runs the call again for its words */
        }
    }
}

int cn__run(const cn__call *call)
{
    run_state state = {.call = call, .kernel = cn__kernel_for(call), .caller = pthread_self()};
    if (!state.kernel) {
        return cn__fail(CN_EUNSUPPORTED, "%s: no kernel for these types", call->op->name);
    }
    state.scratch = state.kernel->scratch_bytes ? state.kernel->scratch_bytes(call) : 0;
    cn__call plain = *call;
    plain.scratch = NULL;
    state.call = &plain;
    int64_t units = state.kernel->units ? state.kernel->units(call) : 1;
    int64_t elements = 0;
    for (int i = 0; i < call->n_out; i++) {
        elements += cn__shape_size(&call->out[i].shape);
    }
    /* Waking threads costs some microseconds: worth it from some tens of thousands of elements on.
     */
    if (units > 1 && elements >= 32768) {
        cn__parallel_for(units, 1, run_units, &state);
    } else {
        run_units(&state, 0, units);
    }
    int code = atomic_load(&state.code);
    if (code < 0 && !cn__pending()) {
        /* The message was left in another thread of the pool; running the call again here gives it
         * its words. */
        atomic_store(&state.code, 0);
        run_units(&state, 0, units);
    }
    return code;
}
