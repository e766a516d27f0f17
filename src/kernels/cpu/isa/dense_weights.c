/* Weight gradient of dense layers on panels, with the optimizer's update while the gradient is in
 * the first cache. */
#include "kernels/cpu/isa/adam.h"
#include "kernels/cpu/isa/kernels.h"

enum { BLOCK_K = 64, BLOCK_ROWS = 128, FETCH_MAX = 12 };

/* Arrays of the update that the next block will need, read ahead a line at a time. */
typedef struct fetch {
    int n;
    const float *p[FETCH_MAX];
} fetch;

/* g (R rows of k, stride 32; V vectors) += sum over rows of x[r][k] dy[r][c]. x points to the first
 * k of a panel's row, dy to the first column; dyv is the way to the next vector of columns. Every 8
 * rows one line of each array is read ahead. */
#define TILE(R, V)                                                                                 \
    static NOINLINE void grad_##R##_##V(const float *x, const float *dy, int64_t dyv,              \
                                        int64_t rows, float *g, const fetch *f, int64_t ahead)     \
    {                                                                                              \
        vf a[R][V];                                                                                \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++) a[i][v] =            \
            cn__load(g + i * 32 + v * L_);                                                         \
        while (rows > 0) {                                                                         \
            const float *end = dy + 16 * (rows < 8 ? rows : 8);                                    \
            for (int q = 0; q < f->n; q++)                                                         \
                PREFETCH(f->p[q] + ahead);                                                         \
            ahead += 16;                                                                           \
            rows -= 8;                                                                             \
            for (; dy < end; dy += 16, x += 16) {                                                  \
                vf b[V];                                                                           \
                UNROLL for (int v = 0; v < V; v++) b[v] = cn__load(dy + v * dyv);                  \
                UNROLL for (int i = 0; i < R; i++)                                                 \
                {                                                                                  \
                    vf s = cn__splat(x[i]);                                                        \
                    UNROLL for (int v = 0; v < V; v++) a[i][v] = cn__fma(s, b[v], a[i][v]);        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < R; i++) UNROLL for (int v = 0; v < V; v++)                      \
            cn__store(g + i * 32 + v * L_, a[i][v]);                                               \
    }

/* The heights of the tiles of 16 k, and their vectors of columns. */
#if L_ == 16
TILE(8, 2)
TILE(8, 1)
#define TILES(X) X(0, 8, 2) X(8, 8, 2)
#define COLS_STEP 32
#elif L_ == 8
TILE(6, 2)
TILE(4, 2)
#define TILES(X) X(0, 6, 2) X(6, 6, 2) X(12, 4, 2)
#define COLS_STEP 16
#elif L_ == 4
TILE(4, 2)
#define TILES(X) X(0, 4, 2) X(4, 4, 2) X(8, 4, 2) X(12, 4, 2)
#define COLS_STEP 8
#else
TILE(2, 4)
#define TILES(X)                                                                                   \
    X(0, 2, 4) X(2, 2, 4) X(4, 2, 4) X(6, 2, 4) X(8, 2, 4) X(10, 2, 4) X(12, 2, 4) X(14, 2, 4)
#define COLS_STEP 4
#endif

/* Adds to g[16][32] the products of 16 columns of x (one panel) and 16 * panels columns of dy over
 * some rows. Each of the first 16 / 8 tiles reads ahead its share of `f`. */
static void group_product(const float *x, const float *dy, int64_t dyps, int panels, int64_t rows,
                          float *g, const fetch *f)
{
    static const fetch none = {0, {NULL}};
#if L_ == 16
    if (panels == 1) {
        grad_8_1(x, dy, dyps, rows, g, f, 0);
        grad_8_1(x + 8, dy, dyps, rows, g + 8 * 32, f, 256);
        return;
    }
#endif
    for (int c = 0; c < 16 * panels; c += COLS_STEP) {
        const float *d = dy + c / 16 * dyps + c % 16;
        const fetch *now = c == 0 ? f : &none;
#if L_ == 16
        int64_t dyv = dyps;
#else
        int64_t dyv = L_;
#endif
#define ONE_TILE(AT_K, R, V)                                                                       \
    grad_##R##_##V(x + AT_K, d, dyv, rows, g + AT_K * 32 + c, now, AT_K * 32);
        TILES(ONE_TILE)
#undef ONE_TILE
    }
}

/* The whole task of one call. */
typedef struct task {
    const cn__dense_bwd_weights *p;
    adam_plan adam;
    int is_adam;
    fetch slots; /* bases of the arrays of the update */
} task;

static void add_slot(fetch *f, const void *p)
{
    for (int i = 0; i < f->n; i++)
        if (f->p[i] == p)
            return;
    if (f->n < FETCH_MAX)
        f->p[f->n++] = p;
}

static void start(task *t, const cn__dense_bwd_weights *p)
{
    const cn__ew_call *c = &p->update;
    t->p = p;
    t->slots.n = 0;
    t->is_adam = c->program != NULL && CN__FN(adam_plan)(c, &t->adam);
    for (int j = 1; c->program != NULL && j < c->program->n_in; j++)
        if (c->program->in_mode[j] == CN__EW_FULL)
            add_slot(&t->slots, c->in[j]);
    for (int o = 0; c->program != NULL && o < c->program->n_out; o++)
        add_slot(&t->slots, c->out[o]);
}

/* Moves a block of the gradient, g[n][32] for k on of panel u, from or to dw. */
static void move_block(const cn__dense_bwd_weights *p, int64_t u, int64_t k, int64_t n, float *g,
                       int store)
{
    int row = p->dw_layout == CN__LAYOUT_ROW;
    size_t cols = (size_t)(row && p->n - 32 * u < 32 ? p->n - 32 * u : 32);
    for (int64_t i = 0; i < n; i++) {
        float *d = row ? p->dw + (k + i) * p->dw_ld + 32 * u : p->dw + u * p->dw_ld + (k + i) * 32;
        if (store)
            memcpy(d, g + i * 32, cols * sizeof *d);
        else
            memcpy(g + i * 32, d, cols * sizeof *d);
    }
}

static void zero_columns(float *g, int64_t rows, int64_t from)
{
    for (int64_t i = 0; from < 32 && i < rows; i++)
        memset(g + i * 32 + from, 0, (size_t)(32 - from) * sizeof *g);
}

/* Columns beyond N of the arrays that the update has written: a program need not keep zeros. */
static void zero_update(const cn__dense_bwd_weights *p, int64_t offset, int64_t rows, int64_t from)
{
    for (int o = 0; from < 32 && o < p->update.program->n_out; o++)
        zero_columns((float *)p->update.out[o] + offset, rows, from);
}

static void weight_block(const task *t, int64_t u, int64_t k, float *g)
{
    const cn__dense_bwd_weights *p = t->p;
    int64_t n = p->k - k < BLOCK_K ? p->k - k : BLOCK_K, cols = p->n - 32 * u;
    int64_t offset = u * p->ws + k * 32;
    int panels = cols > 16 ? 2 : 1;
    memset(g, 0, BLOCK_K * 32 * sizeof *g);
    if (p->accumulate && p->dw != NULL)
        move_block(p, u, k, n, g, 0);
    for (int64_t r = 0; r < p->rows; r += BLOCK_ROWS) {
        int64_t rows = p->rows - r < BLOCK_ROWS ? p->rows - r : BLOCK_ROWS;
        for (int64_t j = 0; j < n; j += 16) {
            fetch f = {0, {NULL}};
            /* Reading ahead what follows this block: the next 64 k, or the head of the next panel.
             */
            for (; r == 0 && f.n < t->slots.n; f.n++)
                f.p[f.n] = t->slots.p[f.n] + offset + (n + j) * 32;
            group_product(p->x + (k + j) / 16 * p->xps + r * 16, p->dy + 2 * u * p->dyps + r * 16,
                          p->dyps, panels, rows, g + j * 32, &f);
        }
    }
    zero_columns(g, n, cols);
    if (p->dw != NULL)
        move_block(p, u, k, n, g, 1);
    if (t->is_adam) {
        CN__FN(adam_run)(&t->adam, g, offset, n * 32);
    } else if (p->update.program != NULL) {
        CN__FN(update_run)(&p->update, g, offset, n * 32);
        zero_update(p, offset, n, cols);
    }
}

/* Column sums of dy over the rows, four running sums a column. */
static void bias_block(const cn__dense_bwd_weights *p, int64_t u)
{
    int64_t cols = p->n - 32 * u < 32 ? p->n - 32 * u : 32;
    float g[32] = {0};
    for (int64_t c = 0; c < cols; c += L_) {
        const float *d = p->dy + (2 * u + c / 16) * p->dyps + c % 16;
        vf s[4] = {cn__splat(0.0f), cn__splat(0.0f), cn__splat(0.0f), cn__splat(0.0f)};
        int64_t r = 0;
        for (; r + 4 <= p->rows; r += 4)
            for (int i = 0; i < 4; i++)
                s[i] += cn__load(d + (r + i) * 16);
        for (; r < p->rows; r++)
            s[0] += cn__load(d + r * 16);
        cn__store(g + c, (s[0] + s[1]) + (s[2] + s[3]));
    }
    for (int64_t c = 0; p->db != NULL && c < cols; c++)
        p->db[32 * u + c] = g[c] += p->accumulate ? p->db[32 * u + c] : 0.0f;
    if (p->bias_update.program != NULL)
        CN__FN(update_run)(&p->bias_update, g, 32 * u, cols);
}

void CN__FN(dense_backward_weights)(const cn__dense_bwd_weights *p, int64_t begin, int64_t end)
{
    float g[BLOCK_K * 32];
    task t;
    start(&t, p);
    for (int64_t u = begin; u < end; u++) {
        if (p->dw != NULL || p->update.program != NULL)
            for (int64_t k = 0; k < p->k; k += BLOCK_K)
                weight_block(&t, u, k, g);
        if (p->db != NULL || p->bias_update.program != NULL)
            bias_block(p, u);
    }
}
