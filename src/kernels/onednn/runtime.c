/* The engine of oneDNN, and its threads kept out of our pool. */
#include "kernels/onednn/onednn.h"

#include "kernels/cpu/cpu.h"

#include <pthread.h>

/* Weak, since a oneDNN of another threading runtime comes without them. */
extern void omp_set_num_threads(int threads) __attribute__((weak));
extern int omp_get_max_threads(void) __attribute__((weak));

int cn__onednn_begin(void)
{
    int before = 0;
    if (omp_set_num_threads && omp_get_max_threads) {
        before = omp_get_max_threads();
        if (before != 1) {
            omp_set_num_threads(1);
        }
    }
    return before;
}

void cn__onednn_end(int before)
{
    if (before > 1) {
        omp_set_num_threads(before);
    }
}

static dnnl_engine_t engine;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_engine(void)
{
    /* Who asks for a lower instruction set than the processor has (CORNU_ISA) means oneDNN too. It
     * refuses once it has compiled something, in which case the program that uses it decides. */
    if (cn__cpu_isa() == CN__ISA_AVX2 && cn__cpu_isa_supported(CN__ISA_AVX512)) {
        dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    }
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success) {
        engine = NULL;
    }
}

dnnl_engine_t cn__onednn_engine(void)
{
    pthread_once(&once, make_engine);
    return engine;
}
