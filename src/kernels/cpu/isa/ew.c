/* Runs elementwise programs block by block, with registers that stay in the first cache. */
#include "kernels/cpu/isa/ew.h"
#include "kernels/cpu/isa/adam.h"
#include "kernels/cpu/isa/kernels.h"

enum {
    POOL = 16384,  /* floats of block buffers: 64 KiB */
    BLOCK = 512,   /* floats of a block, fewer if the program needs many buffers */
    SPLAT = 16,    /* floats of a splat operand: the widest vector */
    OPERANDS = 96, /* 32 registers, 16 inputs, 8 outputs and a gap, 32 constants */
    OUT_AT = 48,
    IN_AT = 32,
    CONST_AT = 64
};

typedef struct ew_state {
    const cn__ew *e;
    void *const *in;
    const int64_t *period;
    void *const *out;
    double *const *sums; /* [n_out]: outputs that are added up by columns instead; or NULL */
    int64_t columns;     /* of these */
    int64_t block;
    ew_src src[OPERANDS];        /* of the block at hand */
    float *dst[OUT_AT + 16];     /* registers and outputs of the block at hand */
    float *buffer[OUT_AT + 16];  /* block buffers of registers, inputs, bool outputs, or NULL */
    uint8_t copy[CN__EW_MAX_IN]; /* input must be copied: a step may overwrite it too early */
    float splat[CN__EW_MAX_IN + CN__EW_MAX_CONST][SPLAT];
    float pool[POOL];
} ew_state;

/* n values of an input from index `at` on, as floats. */
static void read_values(const void *src, int type, int64_t at, float *dst, int64_t n)
{
    CN__FN(convert)
    ((const char *)src + at * (type == CN__EL_F32 || type == CN__EL_I32   ? 4
                               : type == CN__EL_I64 || type == CN__EL_F64 ? 8
                                                                          : 1),
     (cn__el)type, dst, CN__EL_F32, 0, n);
}

static void fill(float *dst, float x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        dst[i] = x;
}

/* Whether the array of input j is written, as an output, by a step before the last that reads the
 * input. */
static int overwritten_early(const cn__ew *e, void *const *in, void *const *out, int j)
{
    for (int o = 0; o < e->n_out; o++) {
        if (out[o] != in[j])
            continue;
        int done = 0;
        for (int i = 0; i < e->n_step; i++) {
            const cn__ew_step *s = &e->step[i];
            int code = IN_AT + j, adam = s->op == CN__EW_ADAM;
            if (done && (s->a == code || s->b == code || s->c == code || (adam && s->x[0] == code)))
                return 1;
            done |= s->dst == OUT_AT + o;
            done |= adam && (s->y[0] == OUT_AT + o || s->y[1] == OUT_AT + o);
        }
    }
    return 0;
}

static void bind_splat(ew_state *st, int operand, int slot, float value)
{
    fill(st->splat[slot], value, SPLAT);
    st->src[operand] = (ew_src){st->splat[slot], 0};
}

/* Whether the input is read through a buffer: 0, or the number of blocks that it takes. */
static int input_blocks(const ew_state *st, int j)
{
    const cn__ew *e = st->e;
    switch (e->in_mode[j]) {
    case CN__EW_SCALAR: return 0;
    case CN__EW_FULL: return e->in_type[j] != CN__EL_F32 || st->copy[j];
    case CN__EW_INNER: return 2;
    default: return 1;
    }
}

/* Whether an output is written to a buffer first: it has another type, or only its sums are kept.
 */
static int is_buffered(const ew_state *st, int o)
{
    return st->e->out_type[o] == CN__EL_BOOL || (st->sums != NULL && st->sums[o] != NULL);
}

/* Shares the pool out, and sets what does not change from block to block. */
static void prepare(ew_state *st)
{
    const cn__ew *e = st->e;
    int blocks = e->n_reg;
    for (int j = 0; j < e->n_in; j++) {
        st->copy[j] = e->in_mode[j] == CN__EW_FULL && e->in_type[j] == CN__EL_F32 &&
                      (uint8_t)overwritten_early(e, st->in, st->out, j);
        blocks += input_blocks(st, j);
    }
    for (int o = 0; o < e->n_out; o++)
        blocks += is_buffered(st, o);
    st->block = blocks * BLOCK <= POOL ? BLOCK : POOL / blocks / 16 * 16;
    float *next = st->pool;
    for (int r = 0; r < e->n_reg; r++, next += st->block) {
        st->buffer[r] = st->dst[r] = next;
        st->src[r] = (ew_src){next, ~(uint64_t)0};
    }
    for (int j = 0; j < e->n_in; j++) {
        st->buffer[IN_AT + j] = next;
        next += input_blocks(st, j) * st->block;
        if (e->in_mode[j] == CN__EW_SCALAR) {
            float value;
            read_values(st->in[j], e->in_type[j], 0, &value, 1);
            bind_splat(st, IN_AT + j, j, value);
        } else if (e->in_mode[j] == CN__EW_INNER && st->period[j] <= st->block) {
            /* The period, repeated so that a block may start anywhere in it. */
            float *tile = st->buffer[IN_AT + j];
            int64_t p = st->period[j];
            read_values(st->in[j], e->in_type[j], 0, tile, p);
            for (int64_t i = p; i < 2 * st->block; i++)
                tile[i] = tile[i - p];
        }
    }
    for (int o = 0; o < e->n_out; o++)
        if (is_buffered(st, o)) {
            st->buffer[OUT_AT + o] = next;
            next += st->block;
        }
    for (int c = 0; c < e->n_const; c++)
        bind_splat(st, CONST_AT + c, CN__EW_MAX_IN + c, e->constant[c]);
}

/* INNER: elements [at, at + n) of the repeated period. */
static const float *inner_block(ew_state *st, int j, int64_t at, int64_t n)
{
    int64_t p = st->period[j], r = at % p;
    float *buffer = st->buffer[IN_AT + j];
    if (p <= st->block)
        return buffer + r;
    if (st->e->in_type[j] == CN__EL_F32 && r + n <= p)
        return (const float *)st->in[j] + r;
    for (int64_t i = 0; i < n;) {
        int64_t part = p - r < n - i ? p - r : n - i;
        read_values(st->in[j], st->e->in_type[j], r, buffer + i, part);
        i += part;
        r = 0;
    }
    return buffer;
}

/* OUTER: a value for each p elements; a block inside one value is a splat. */
static ew_src outer_block(ew_state *st, int j, int64_t at, int64_t n)
{
    int64_t p = st->period[j], q = at / p, r = at % p;
    float *buffer = st->buffer[IN_AT + j], value;
    if (r + n <= p) {
        read_values(st->in[j], st->e->in_type[j], q, &value, 1);
        fill(st->splat[j], value, SPLAT);
        return (ew_src){st->splat[j], 0};
    }
    for (int64_t i = 0; i < n; q++) {
        int64_t part = p - r < n - i ? p - r : n - i;
        read_values(st->in[j], st->e->in_type[j], q, &value, 1);
        fill(buffer + i, value, part);
        i += part;
        r = 0;
    }
    return (ew_src){buffer, ~(uint64_t)0};
}

/* Points inputs and outputs to elements [at, at + n). */
static void bind_block(ew_state *st, int64_t at, int64_t n)
{
    const cn__ew *e = st->e;
    for (int j = 0; j < e->n_in; j++) {
        ew_src *s = &st->src[IN_AT + j];
        s->mask = e->in_mode[j] == CN__EW_SCALAR ? 0 : ~(uint64_t)0;
        if (e->in_mode[j] == CN__EW_INNER) {
            s->p = inner_block(st, j, at, n);
        } else if (e->in_mode[j] == CN__EW_OUTER) {
            *s = outer_block(st, j, at, n);
        } else if (e->in_mode[j] == CN__EW_FULL) {
            s->p = (const float *)st->in[j] + at;
            if (e->in_type[j] != CN__EL_F32 || st->copy[j]) {
                read_values(st->in[j], e->in_type[j], at, st->buffer[IN_AT + j], n);
                s->p = st->buffer[IN_AT + j];
            }
        }
    }
    for (int o = 0; o < e->n_out; o++) {
        float *d = is_buffered(st, o) ? st->buffer[OUT_AT + o] : (float *)st->out[o] + at;
        st->dst[OUT_AT + o] = d;
        st->src[OUT_AT + o] = (ew_src){d, ~(uint64_t)0};
    }
}

#define AT(k) cn__load(s[k].p + ((uint64_t)i & s[k].mask))
#define AT_END(k) load_n(s[k].p + ((uint64_t)i & s[k].mask), rest)

/* Operands g, m, v, w, alpha, c1, c2, eps; destinations w, m, v. `full`: g, m, v, w are arrays,
 * none a splat. */
CN__INLINE int64_t adam_vectors(float *const *d, const ew_src *s, int64_t n, int ordinary, int full)
{
    vf alpha = cn__load(s[4].p), c1 = cn__load(s[5].p), c2 = cn__load(s[6].p);
    vf eps = cn__load(s[7].p);
    int64_t i = 0;
    for (; i + L_ <= n; i += L_) {
        vf g = full ? cn__load(s[0].p + i) : AT(0), m = full ? cn__load(s[1].p + i) : AT(1);
        vf v = full ? cn__load(s[2].p + i) : AT(2), w = full ? cn__load(s[3].p + i) : AT(3);
        adam_vector(g, &w, &m, &v, alpha, c1, c2, eps, ordinary);
        cn__store(d[0] + i, w);
        cn__store(d[1] + i, m);
        cn__store(d[2] + i, v);
    }
    return i;
}

static void adam_loop(float *const *dst, const ew_src *src, int64_t n)
{
    /* Local copies, which stores cannot change. */
    const ew_src s[8] = {src[0], src[1], src[2], src[3], src[4], src[5], src[6], src[7]};
    float *const d[3] = {dst[0], dst[1], dst[2]};
    int ordinary = adam_ordinary(s[7].p[0]);
    int full = (s[0].mask & s[1].mask & s[2].mask & s[3].mask) != 0;
    int64_t i = ordinary && full ? adam_vectors(d, s, n, 1, 1)
                : ordinary       ? adam_vectors(d, s, n, 1, 0)
                                 : adam_vectors(d, s, n, 0, 0);
    int rest = (int)(n - i);
    if (rest > 0) {
        vf m = AT_END(1), v = AT_END(2), w = AT_END(3);
        adam_vector(AT_END(0), &w, &m, &v, cn__load(s[4].p), cn__load(s[5].p), cn__load(s[6].p),
                    cn__load(s[7].p), ordinary);
        store_n(d[0] + i, w, rest);
        store_n(d[1] + i, m, rest);
        store_n(d[2] + i, v, rest);
    }
}

static void adam_step(const ew_state *st, const cn__ew_step *t, int64_t n)
{
    const ew_src s[8] = {st->src[t->a],    st->src[t->b],    st->src[t->c],    st->src[t->x[0]],
                         st->src[t->x[1]], st->src[t->x[2]], st->src[t->x[3]], st->src[t->x[4]]};
    float *const d[3] = {st->dst[t->dst], st->dst[t->y[0]], st->dst[t->y[1]]};
    adam_loop(d, s, n);
}

/* sum[c] += the elements of column c among n elements from index `at` on. Whole rows that begin in
 * the buffer are added up as floats first, at most BLOCK / columns of them. */
static void add_columns(double *sum, int64_t columns, const float *x, int64_t at, int64_t n)
{
    int64_t first = at % columns, rows = first == 0 ? n / columns : 0, c = 0;
    for (; rows > 0 && c + L_ <= columns; c += L_) {
        vf s = cn__load(x + c);
        for (int64_t r = 1; r < rows; r++)
            s += cn__load(x + r * columns + c);
        float lane[L_];
        cn__store(lane, s);
        for (int i = 0; i < L_; i++)
            sum[c + i] += (double)lane[i];
    }
    for (; rows > 0 && c < columns; c++) {
        float s = x[c];
        for (int64_t r = 1; r < rows; r++)
            s += x[r * columns + c];
        sum[c] += (double)s;
    }
    for (int64_t i = rows * columns, j = first; i < n; i++) {
        sum[j] += (double)x[i];
        j = j + 1 < columns ? j + 1 : 0;
    }
}

static void run_block(ew_state *st, int64_t at, int64_t n)
{
    const cn__ew *e = st->e;
    bind_block(st, at, n);
    for (int i = 0; i < e->n_step; i++) {
        const cn__ew_step *t = &e->step[i];
        if (t->op == CN__EW_ADAM) {
            adam_step(st, t, n);
            continue;
        }
        const ew_src s[3] = {st->src[t->a], st->src[t->b], st->src[t->c]};
        CN__FN(ew_table)[t->op](st->dst[t->dst], s, n);
    }
    for (int o = 0; o < e->n_out; o++)
        if (st->sums != NULL && st->sums[o] != NULL) {
            add_columns(st->sums[o], st->columns, st->buffer[OUT_AT + o], at, n);
        } else if (e->out_type[o] == CN__EL_BOOL) {
            uint8_t *d = (uint8_t *)st->out[o] + at;
            for (int64_t i = 0; i < n; i++)
                d[i] = st->buffer[OUT_AT + o][i] != 0.0f;
        }
}

int64_t CN__FN(ew_sums)(const cn__ew *program, void *const *in, const int64_t *in_period,
                        void *const *out, double *const *sums, int64_t columns, int64_t begin,
                        int64_t end)
{
    if (begin >= end)
        return 0;
    ew_state st;
    st.e = program;
    st.in = in;
    st.period = in_period;
    st.out = out;
    st.sums = sums;
    st.columns = columns;
    prepare(&st);
    /* Blocks of whole rows, where a row fits. */
    if (sums != NULL && columns <= st.block)
        st.block -= st.block % columns;
    for (int64_t i = begin; i < end; i += st.block)
        run_block(&st, i, end - i < st.block ? end - i : st.block);
    return 0;
}

int64_t CN__FN(ew_run)(const cn__ew *program, void *const *in, const int64_t *in_period,
                       void *const *out, int64_t begin, int64_t end)
{
    return CN__FN(ew_sums)(program, in, in_period, out, NULL, 0, begin, end);
}

/* Whether the step's operand is a FULL f32 input that the destination overwrites in place. */
static float *in_place(const cn__ew_call *c, uint8_t operand, uint8_t dst)
{
    const cn__ew *e = c->program;
    int j = operand - IN_AT, o = dst - OUT_AT;
    if (j < 0 || j >= e->n_in || o < 0 || o >= e->n_out || e->in_mode[j] != CN__EW_FULL ||
        e->in_type[j] != CN__EL_F32 || e->out_type[o] != CN__EL_F32 || c->in[j] != c->out[o])
        return NULL;
    return (float *)c->out[o];
}

/* Fills a vector with the value of a splat operand, if it is a constant or an f32 scalar. */
static int splat_value(const cn__ew_call *c, uint8_t operand, float *values)
{
    const cn__ew *e = c->program;
    int j = operand - IN_AT;
    if (operand < CONST_AT && e->in_type[j] != CN__EL_F32)
        return 0;
    fill(values, operand < CONST_AT ? *(const float *)c->in[j] : e->constant[operand - CONST_AT],
         SPLAT);
    return 1;
}

int CN__FN(adam_plan)(const cn__ew_call *call, adam_plan *plan)
{
    const cn__ew *e = call->program;
    const cn__ew_step *t = &e->step[0];
    if (e->n_step != 1 || t->op != CN__EW_ADAM || t->a != CN__EW_IN(0))
        return 0;
    plan->m = in_place(call, t->b, t->y[0]);
    plan->v = in_place(call, t->c, t->y[1]);
    plan->w = in_place(call, t->x[0], t->dst);
    int ok = plan->m != NULL && plan->v != NULL && plan->w != NULL;
    for (int i = 0; i < 4; i++)
        ok = ok && splat_value(call, t->x[i + 1], plan->splat[i]);
    return ok;
}

void CN__FN(adam_run)(const adam_plan *plan, const float *g, int64_t offset, int64_t n)
{
    float *const d[3] = {plan->w + offset, plan->m + offset, plan->v + offset};
    const uint64_t all = ~(uint64_t)0;
    const ew_src s[8] = {{g, all},
                         {d[1], all},
                         {d[2], all},
                         {d[0], all},
                         {plan->splat[0], 0},
                         {plan->splat[1], 0},
                         {plan->splat[2], 0},
                         {plan->splat[3], 0}};
    adam_loop(d, s, n);
}

void CN__FN(update_run)(const cn__ew_call *call, const float *g, int64_t offset, int64_t n)
{
    const cn__ew *e = call->program;
    void *in[CN__EW_MAX_IN], *out[CN__EW_MAX_OUT];
    for (int j = 1; j < e->n_in; j++)
        in[j] =
            e->in_mode[j] == CN__EW_FULL ? (void *)((float *)call->in[j] + offset) : call->in[j];
    /* The program only reads its inputs. */
    memcpy(&in[0], &g, sizeof g);
    for (int o = 0; o < e->n_out; o++)
        out[o] = (float *)call->out[o] + offset;
    CN__FN(ew_run)(e, in, NULL, out, 0, n);
}
