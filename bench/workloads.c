/* The reference workloads through the public API: seconds of an epoch beside the floor of the same
 * minutes, peak memory, and the time of one-row predictions. */
#include <cornu.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS = 3000, MAX_OUTPUT = 64 };

/* Hidden units and filters, in percent of the workload's. */
static int width = 100;

/* Rows of a batch, 0: the workload's. */
static int batch = 0;
static bool predicts = true;

static int wide(int n)
{
    int scaled = n * width / 100;
    return scaled < 1 ? 1 : scaled;
}

typedef enum data_kind { FASHION, DIGITS, NOISE } data_kind;

typedef struct workload {
    const char *name;
    data_kind data; /* Fashion-MNIST, MNIST, or 10,000 random images of 32 by 32 by 3 */
    int64_t first;  /* rows before it are left out */
    int64_t batch;
    bool image; /* rows of 28 by 28 by 1, else of 784 */
    cn_model *(*build)(void);
    double learning_rate;
} workload;

static cn_model *build_w1(void)
{
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_dense(wide(512), .activation = "relu", .input_shape = {{784}}));
    cn_model_add(model, cn_dense(wide(512), .activation = "relu"));
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    return model;
}

static cn_model *build_w2(void)
{
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_conv2d(wide(32), .kernel_size = {{3}}, .activation = "relu",
                                  .input_shape = {{28, 28, 1}}));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_conv2d(wide(64), .kernel_size = {{3}}, .activation = "relu"));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_dropout(0.2));
    cn_model_add(model, cn_flatten());
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    return model;
}

static cn_model *build_w3(void)
{
    cn_model *model = cn_sequential();
    cn_model_add(model, cn_conv2d(wide(32), .kernel_size = {{3}}, .activation = "relu",
                                  .input_shape = {{28, 28, 1}}));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_conv2d(wide(64), .kernel_size = {{3}}, .activation = "relu"));
    cn_model_add(model, cn_max_pooling2d(.pool_size = {{2}}));
    cn_model_add(model, cn_conv2d(wide(64), .kernel_size = {{3}}, .activation = "relu"));
    cn_model_add(model, cn_flatten());
    cn_model_add(model, cn_dense(wide(64), .activation = "relu"));
    cn_model_add(model, cn_dense(10, .activation = "softmax"));
    return model;
}

static cn_tensor *normed(cn_tensor *x, int filters, int size, int stride, bool relu)
{
    x = cn_call(cn_conv2d(wide(filters), .kernel_size = {{size}}, .strides = {{stride}},
                          .padding = size == 3 ? "same" : "valid", .use_bias = false),
                x);
    x = cn_call(cn_batch_normalization(), x);
    return relu ? cn_call(cn_activation_layer("relu"), x) : x;
}

/* ResNet-20 for images of 32 by 32 (He and others 2015, section 4.2), with projections. */
static cn_model *build_w6(void)
{
    cn_tensor *in = cn_input(.shape = {{32, 32, 3}});
    cn_tensor *x = normed(in, 16, 3, 1, true);
    for (int block = 0; block < 9; block++) {
        int filters = 16 << block / 3, stride = block == 3 || block == 6 ? 2 : 1;
        cn_tensor *y = normed(normed(x, filters, 3, stride, true), filters, 3, 1, false);
        x = stride == 1 ? x : normed(x, filters, 1, stride, false);
        x = cn_call(cn_activation_layer("relu"), cn_call(cn_add_layer(), x, y));
    }
    x = cn_call(cn_global_average_pooling2d(), x);
    return cn_functional(.inputs = {{in}},
                         .outputs = {{cn_call(cn_dense(10, .activation = "softmax"), x)}});
}

static const workload workloads[] = {{"W1", FASHION, 10000, 128, false, build_w1, 0.001},
                                     {"W2", DIGITS, 0, 128, true, build_w2, 0.002},
                                     {"W3", DIGITS, 0, 64, true, build_w3, 0.001},
                                     {"W6", NOISE, 0, 128, true, build_w6, 0.001}};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The data as float32, with nothing else of the data set kept in memory. */
static int load(const workload *w, cn_tensor **x, cn_tensor **y)
{
    cn_scope scope = cn_scope_begin();
    if (w->data == NOISE) {
        *x = cn_keep(cn_random_normal(.shape = {{10000, 32, 32, 3}}, .seed = 1));
        *y = cn_keep(cn_to_categorical(
            cn_random_randint(.shape = {{10000}}, .maxval = 10, .seed = 2), .num_classes = 10));
        cn_scope_end(scope);
        return cn_error_code();
    }
    cn_dataset data = w->data == FASHION ? cn_dataset_fashion_mnist() : cn_dataset_mnist();
    cn_tensor *rows = cn_rows(data.x_train, w->first, CN_END);
    rows = w->image ? cn_reshape(rows, -1, 28, 28, 1) : cn_reshape(rows, -1, 784);
    *x = cn_keep(cn_divide(rows, 255));
    *y = cn_keep(cn_to_categorical(cn_rows(data.y_train, w->first, CN_END), .num_classes = 10));
    cn_scope_end(scope);
    return cn_error_code();
}

/* Milliseconds of a step as the program of the floor prints them; 0 if there is none. */
static double floor_of(const char *program, const char *name, int threads)
{
    int ends[2];
    if (!program || pipe(ends) < 0) {
        return 0;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        char number[16];
        snprintf(number, sizeof number, "%d", threads);
        setenv("OMP_NUM_THREADS", number, 1);
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(126);
        }
        execl(program, program, name, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    double ms = 0;
    if (out && fscanf(out, "%lf", &ms) != 1) {
        ms = 0;
    }
    if (out) {
        fclose(out);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0 ? ms : 0;
}

/* Trains epoch by epoch, with the floor between the epochs; prints the minima. */
static int train(const workload *w, cn_model *model, cn_tensor *x, cn_tensor *y, int epochs,
                 const char *floor_program)
{
    int64_t rows = batch ? batch : w->batch, steps = (cn_tensor_dim(x, 0) + rows - 1) / rows;
    double best = 1e9, floor = 1e9, accuracy = 0;
    for (int epoch = 0; epoch < epochs; epoch++) {
        bool comparable = !batch && width == 100; /* the floor is that of the workload as it is */
        double ms = comparable ? floor_of(floor_program, w->name, cn_num_threads()) : 0;
        if (ms > 0 && ms * 1e-3 * (double)steps < floor) {
            floor = ms * 1e-3 * (double)steps;
        }
        double t = now();
        const cn_history *history =
            cn_model_fit(model, x, y, .batch_size = rows, .epochs = 1, .verbose = 0);
        t = now() - t;
        if (!history) {
            return cn_error_code();
        }
        best = t < best ? t : best;
        accuracy = cn_history_get(history, "accuracy", NULL)[0];
        if (getenv("CORNU_BENCH_EPOCHS")) {
            printf("    epoch %d: %.3f s, floor %.3f ms a step, accuracy %.4f\n", epoch + 1, t, ms,
                   accuracy);
        }
    }
    printf("%s: epoch %.3f s", w->name, best);
    if (batch || width != 100) {
        printf(", batch %" PRId64 ", width %d %%", rows, width);
    } else if (floor < 1e9) {
        printf(", floor %.3f s, ratio %.2f", floor, best / floor);
    } else {
        printf(", floor not measured (CORNU_FLOOR names its program)");
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf(", peak memory %ld MB; %d threads, best of %d epochs, accuracy %.4f\n",
           usage.ru_maxrss / 1024, cn_num_threads(), epochs, accuracy);
    return 0;
}

/* One pass over memory, as fast as a loop that uses every byte of it can be: integer sums need no
 * order, so that the compiler takes whole vectors. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint32_t
sum_of(const uint32_t *words, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += words[i];
    }
    return sum;
}

typedef struct one_row {
    cn_model *model;
    cn_tensor *x;
    const float *row;
    float out[MAX_OUTPUT];
    uint32_t *memory; /* as much as the weights take */
    size_t words;
    volatile uint32_t sink;
} one_row;

static int predict_into(one_row *r)
{
    return cn_model_predict_into(r->model, r->row, 1, r->out, sizeof r->out);
}

static int predict(one_row *r)
{
    cn_scope scope = cn_scope_begin();
    const cn_tensor *y = cn_model_predict(r->model, r->x, .verbose = 0);
    cn_scope_end(scope);
    return y ? 0 : cn_error_code();
}

static int pass(one_row *r)
{
    r->sink += sum_of(r->memory, r->words);
    return 0;
}

/* Least and middle microseconds of a call. */
static int report(const char *what, int (*call)(one_row *), one_row *r)
{
    static double times[CALLS];
    for (int i = 0; i < CALLS; i++) {
        double t = now();
        int code = call(r);
        times[i] = (now() - t) * 1e6;
        if (code < 0) {
            return code;
        }
    }
    qsort(times, CALLS, sizeof *times, compare);
    printf("    %-42s %8.1f us, median %.1f\n", what, times[0], times[CALLS / 2]);
    return 0;
}

static int predictions(cn_model *model, cn_tensor *x)
{
    int64_t row_size = cn_tensor_size(x) / cn_tensor_dim(x, 0);
    static float dense[32 * 32 * 3];
    uint32_t seed = 1;
    for (int64_t i = 0; i < row_size; i++) {
        seed = seed * 1664525u + 1013904223u;
        dense[i] = (float)(seed >> 8) * 0x1p-24f;
    }
    int threads = cn_num_threads();
    one_row r = {.model = model, .words = (size_t)cn_model_count_params(model)};
    r.memory = malloc(r.words * sizeof *r.memory);
    if (!r.memory) {
        return cn_fail(CN_ENOMEM, "no memory for the pass over it");
    }
    memset(r.memory, 1, r.words * sizeof *r.memory);
    printf("  one row, one thread, %zu kB of weights:\n", r.words * sizeof *r.memory / 1024);
    cn_set_num_threads(1);
    int code = report("a pass over as much memory", pass, &r);
    r.row = dense;
    code = code < 0 ? code : report("cn_model_predict_into, random row", predict_into, &r);
    r.row = cn_tensor_floats(x);
    code = code < 0 ? code : report("cn_model_predict_into, image", predict_into, &r);
    r.x = cn_rows(x, 0, 1);
    code = code < 0 ? code : report("cn_model_predict, image", predict, &r);
    cn_set_num_threads(threads);
    code = code < 0 ? code : report("cn_model_predict, image, all threads", predict, &r);
    free(r.memory);
    return code;
}

static int run(const workload *w, int epochs, const char *floor_program)
{
    cn_tensor *x, *y;
    if (load(w, &x, &y) < 0) {
        return cn_error_code();
    }
    cn_model *model = w->build();
    int code = cn_model_compile(model, .loss = {{"categorical_crossentropy"}},
                                .optimizer = cn_optimizer_adam(.learning_rate = w->learning_rate),
                                .metrics = {{"accuracy"}});
    code = code < 0 ? code : train(w, model, x, y, epochs, floor_program);
    return code < 0 || !predicts ? code : predictions(model, x);
}

/* Each in a process of its own, so that the peaks of memory are theirs. */
static int run_alone(const workload *w, int epochs, const char *floor_program)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int code = run(w, epochs, floor_program);
        if (code < 0) {
            fprintf(stderr, "%s: %s\n", w->name, cn_error());
        }
        fflush(stdout);
        _exit(code < 0);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

/* CORNU_FLOOR, or `floor` beside this program. */
static const char *find_floor(const char *self)
{
    static char path[4096];
    if (getenv("CORNU_FLOOR")) {
        return getenv("CORNU_FLOOR");
    }
    const char *slash = strrchr(self, '/');
    snprintf(path, sizeof path, "%.*sfloor", slash ? (int)(slash - self + 1) : 0, self);
    return access(path, X_OK) == 0 ? path : NULL;
}

int main(int argc, char **argv)
{
    int epochs = 5, failed = 0, n = (int)(sizeof workloads / sizeof *workloads);
    bool chosen[sizeof workloads / sizeof *workloads] = {false}, any = false;
    for (int i = 1; i < argc; i++) {
        bool number = i + 1 < argc && atoi(argv[i + 1]) > 0, known = false;
        for (int k = 0; k < n; k++) {
            known = known || !strcmp(argv[i], workloads[k].name);
            chosen[k] = chosen[k] || !strcmp(argv[i], workloads[k].name);
        }
        any = any || known;
        if (!strcmp(argv[i], "--epochs") && number) {
            epochs = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--batch") && number) {
            batch = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--width") && number) {
            width = atoi(argv[++i]);
        } else if (!strcmp(argv[i], "--no-predict")) {
            predicts = false;
        } else if (!strcmp(argv[i], "--threads") && number) {
            cn_set_num_threads(atoi(argv[++i]));
        } else if (!known) {
            fprintf(stderr,
                    "usage: workloads W1|W2|W3|W6 ... [--epochs N] [--threads N] [--batch N] "
                    "[--width PERCENT] [--no-predict]\n");
            return 1;
        }
    }
    for (int k = 0; k < n; k++) {
        if (chosen[k] || (k == 0 && !any)) {
            failed |= run_alone(&workloads[k], epochs, find_floor(argv[0]));
        }
    }
    return failed;
}
