/* Speed of the CPU kernels at the shapes of workload W1 (dense 784-512-512-10, batch 128), for each
 * instruction set, on one thread. */
#include "kernels/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Lines of cache, and values that are neither zero nor subnormal. */
static float *array(int64_t n)
{
    size_t bytes = ((size_t)n * sizeof(float) + 4096) / 64 * 64;
    float *p = aligned_alloc(64, bytes);
    if (p == NULL)
        exit(1);
    uint32_t s = 1;
    for (size_t i = 0; i < bytes / sizeof *p; i++) {
        s = s * 1664525u + 1013904223u;
        p[i] = (float)(s >> 8) * 0x1p-24f + 0.01f;
    }
    return p;
}

typedef struct job {
    const cn__cpu *cpu;
    void (*run)(const struct job *j);
    const void *args;
    int64_t units;
    float *scratch;
} job;

/* Least seconds of a run, over about 0.1 s. */
static double least_time(const job *j)
{
    double best = 1e9, begin = now();
    for (int i = 0; i < 5 || now() - begin < 0.1; i++) {
        double t = now();
        j->run(j);
        t = now() - t;
        best = t < best ? t : best;
    }
    return best;
}

static void report(const job *j, const char *what, double work, const char *unit)
{
    double t = least_time(j);
    printf("%-7s %-34s %9.1f us %8.1f %s\n", j->cpu->name, what, t * 1e6, work / t * 1e-9, unit);
}

static void run_forward(const job *j)
{
    j->cpu->dense_forward(j->args, 0, j->units);
}
static void run_data(const job *j)
{
    j->cpu->dense_backward_data(j->args, 0, j->units);
}
static void run_weights(const job *j)
{
    j->cpu->dense_backward_weights(j->args, 0, j->units);
}
static void run_skinny_forward(const job *j)
{
    j->cpu->skinny_forward(j->args, 0, j->units);
}
static void run_skinny_data(const job *j)
{
    j->cpu->skinny_backward_data(j->args, 0, j->units);
}
static void run_skinny_weights(const job *j)
{
    j->cpu->skinny_backward_weights(j->args, 0, j->units);
}
static void run_gemv(const job *j)
{
    j->cpu->gemv(j->args, 0, j->units);
}
static void run_sgemm(const job *j)
{
    j->cpu->sgemm(j->args, j->scratch);
}

typedef struct ew_job {
    cn__ew e;
    void *in[8], *out[4];
} ew_job;
static void run_ew(const job *j)
{
    const ew_job *e = j->args;
    j->cpu->ew_run(&e->e, e->in, NULL, e->out, 0, j->units);
}

/* The Adam step as the program of an update: inputs gradient, m, v, w, alpha. */
static cn__ew adam_program(void)
{
    cn__ew e = {
        .n_in = 5, .n_out = 3, .n_step = 1, .n_const = 3, .constant = {0.1f, 0.001f, 1e-7f}};
    e.in_mode[4] = CN__EW_SCALAR;
    e.step[0] = (cn__ew_step){
        CN__EW_ADAM,
        CN__EW_OUT(0),
        CN__EW_IN(0),
        CN__EW_IN(1),
        CN__EW_IN(2),
        {CN__EW_IN(3), CN__EW_IN(4), CN__EW_CONST(0), CN__EW_CONST(1), CN__EW_CONST(2)},
        {CN__EW_OUT(1), CN__EW_OUT(2)}};
    return e;
}

static void dense(const cn__cpu *cpu, int64_t rows, int64_t k, int64_t n)
{
    int64_t xps = cn__p16_stride(rows), ws = cn__w32_stride(k);
    float *x = array(cn__p16_size(rows, k)), *y = array(cn__p16_size(rows, n));
    float *dx = array(cn__p16_size(rows, k)), *bias = array(n), alpha = 1e-6f;
    float *w = array(cn__w32_size(k, n)), *m = array(cn__w32_size(k, n)),
          *v = array(cn__w32_size(k, n));
    cn__ew adam = adam_program();
    void *in[] = {NULL, m, v, w, &alpha}, *out[] = {w, m, v};
    cn__dense_fwd f = {rows, k, n, x, xps, w, ws, bias, y, xps, 1, {NULL, NULL, NULL}};
    cn__dense_bwd_data d = {rows, k, n, y, xps, w, ws, x, xps, dx, xps};
    cn__dense_bwd_weights g = {.rows = rows,
                               .k = k,
                               .n = n,
                               .x = x,
                               .xps = xps,
                               .dy = dx,
                               .dyps = xps,
                               .ws = ws,
                               .update = {&adam, in, out}};
    double flop = 2.0 * (double)rows * (double)k * (double)n;
    char name[64];
    job j = {cpu, run_forward, &f, cn__units(n, 32), NULL};
    snprintf(name, sizeof name, "forward %d x %d x %d", (int)rows, (int)k, (int)n);
    report(&j, name, flop, "GF/s");
    j = (job){cpu, run_data, &d, cn__units(k, 16), NULL};
    report(&j, "  data gradient, relu mask", flop, "GF/s");
    if (n <= k) {
        j = (job){cpu, run_weights, &g, cn__units(n, 32), NULL};
        report(&j, "  weight gradient + adam", flop, "GF/s");
        float *dw = array(cn__w32_size(k, n));
        g.dw = dw;
        g.dw_layout = CN__LAYOUT_W32;
        g.dw_ld = ws;
        g.update.program = NULL;
        report(&j, "  weight gradient, stored", flop, "GF/s");
        free(dw);
    }
    free(x);
    free(y);
    free(dx);
    free(bias);
    free(w);
    free(m);
    free(v);
}

static void skinny(const cn__cpu *cpu, int64_t rows, int64_t k, int64_t n)
{
    int64_t xs = cn__p16_stride(rows), ld = cn__wt_stride(k);
    float *x = array(cn__p16_size(rows, k)), *dx = array(cn__p16_size(rows, k)),
          *y = array(rows * n);
    float *w = array(n * ld), *m = array(n * ld), *v = array(n * ld), *bias = array(n),
          alpha = 1e-6f;
    cn__ew adam = adam_program();
    void *in[] = {NULL, m, v, w, &alpha}, *out[] = {w, m, v};
    cn__skinny_fwd f = {rows, k, n, x, CN__LAYOUT_P16, xs, w, ld, bias, y, n, 0};
    cn__skinny_bwd_data d = {rows, k, n, y, n, w, ld, x, xs, dx, CN__LAYOUT_P16, xs};
    cn__skinny_bwd_weights g = {.rows = rows,
                                .k = k,
                                .n = n,
                                .x = x,
                                .x_layout = CN__LAYOUT_P16,
                                .xs = xs,
                                .dy = y,
                                .dy_ld = n,
                                .wt_ld = ld,
                                .update = {&adam, in, out}};
    double flop = 2.0 * (double)rows * (double)k * (double)n;
    job j = {cpu, run_skinny_forward, &f, cn__units(rows, CN__UNIT_ROWS), NULL};
    report(&j, "skinny forward 128 x 512 x 10", flop, "GF/s");
    j.run = run_skinny_data;
    j.args = &d;
    report(&j, "  data gradient, relu mask", flop, "GF/s");
    j = (job){cpu, run_skinny_weights, &g, cn__units(k, CN__UNIT_K), NULL};
    report(&j, "  weight gradient + adam", flop, "GF/s");
    free(x);
    free(dx);
    free(y);
    free(w);
    free(m);
    free(v);
    free(bias);
}

static void gemv(const cn__cpu *cpu, int64_t rows, int64_t k, int64_t n)
{
    float *x = array(rows * k), *w = array(k * n), *y = array(rows * n), *bias = array(n);
    cn__gemv g = {rows, k, n, x, k, w, n, bias, y, n, 1};
    job j = {cpu, run_gemv, &g, cn__units(n, CN__UNIT_COLS), NULL};
    char name[64];
    snprintf(name, sizeof name, "gemv %d x %d x %d", (int)rows, (int)k, (int)n);
    report(&j, name, 4.0 * (double)k * (double)n, "GB/s");
    free(x);
    free(w);
    free(y);
    free(bias);
}

static void sgemm(const cn__cpu *cpu, int64_t m, int64_t n, int64_t k, int ta, int tb)
{
    float *a = array(m * k), *b = array(k * n), *c = array(m * n);
    float *scratch = array(cpu->sgemm_scratch(m, n, k));
    cn__sgemm g = {m, n, k, 1, 0, a, ta ? m : k, ta, b, tb ? k : n, tb, c, n};
    job j = {cpu, run_sgemm, &g, 0, scratch};
    char name[64];
    snprintf(name, sizeof name, "sgemm %d x %d x %d%s%s", (int)m, (int)n, (int)k, ta ? " A^T" : "",
             tb ? " B^T" : "");
    report(&j, name, 2.0 * (double)m * (double)n * (double)k, "GF/s");
    free(a);
    free(b);
    free(c);
    free(scratch);
}

static void elementwise(const cn__cpu *cpu, int64_t n)
{
    float *g = array(n), *m = array(n), *v = array(n), *w = array(n), alpha = 1e-6f;
    ew_job e = {adam_program(), {g, m, v, w, &alpha}, {w, m, v}};
    job j = {cpu, run_ew, &e, n, NULL};
    char name[64];
    snprintf(name, sizeof name, "adam on %d", (int)n);
    report(&j, name, 28.0 * (double)n, "GB/s");
    static const int ops[] = {CN__EW_ADD,  CN__EW_EXP,     CN__EW_LOG,
                              CN__EW_TANH, CN__EW_SIGMOID, CN__EW_ERF};
    static const char *const names[] = {"add", "exp", "log", "tanh", "sigmoid", "erf"};
    for (int i = 0; i < 6; i++) {
        ew_job o = {{.n_in = 2, .n_out = 1, .n_step = 1}, {g, m}, {w}};
        o.e.step[0] = (cn__ew_step){
            .op = (uint8_t)ops[i], .dst = CN__EW_OUT(0), .a = CN__EW_IN(0), .b = CN__EW_IN(1)};
        j.args = &o;
        snprintf(name, sizeof name, "  %s", names[i]);
        report(&j, name, (double)n, "G elements/s");
    }
    free(g);
    free(m);
    free(v);
    free(w);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"avx512", "avx2", "sse2", "plain"};
    for (int i = 0; i < 4; i++) {
        const cn__cpu *cpu = cn__cpu_by_name(names[i]);
        if (cpu == NULL || (argc > 1 && strcmp(argv[1], names[i]) != 0))
            continue;
        dense(cpu, 128, 784, 512);
        dense(cpu, 128, 512, 512);
        skinny(cpu, 128, 512, 10);
        gemv(cpu, 1, 784, 512);
        gemv(cpu, 4, 784, 512);
        gemv(cpu, 1, 4096, 4096);
        sgemm(cpu, 256, 256, 256, 0, 0);
        sgemm(cpu, 256, 256, 256, 1, 0);
        sgemm(cpu, 256, 256, 256, 0, 1);
        sgemm(cpu, 200, 64, 16, 0, 1);
        elementwise(cpu, 1 << 16);
        elementwise(cpu, 1 << 22);
    }
    return 0;
}
