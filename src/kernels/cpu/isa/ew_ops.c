/* The loops of the elementwise operations. */
#include "kernels/cpu/isa/ew.h"
#include "kernels/cpu/isa/vmath.h"

#define AT(k) cn__load(s[k].p + ((uint64_t)i & s[k].mask))
#define AT_END(k) load_n(s[k].p + ((uint64_t)i & s[k].mask), rest)

/* Each operation is an expression in its operands a, b, c, and a loop over whole vectors and a
 * rest. */
#define LOOP(NAME, WHOLE, REST)                                                                    \
    static void op_##NAME(float *dst, const ew_src *src, int64_t n)                                \
    {                                                                                              \
        const ew_src s[3] = {src[0], src[1], src[2]}; /* local: stores cannot change it */         \
        int64_t i = 0;                                                                             \
        for (; i + L_ <= n; i += L_)                                                               \
            cn__store(dst + i, WHOLE);                                                             \
        int rest = (int)(n - i);                                                                   \
        if (rest > 0)                                                                              \
            store_n(dst + i, REST, rest);                                                          \
    }
#define OP1(NAME, EXPR)                                                                            \
    CN__INLINE vf f_##NAME(vf a)                                                                   \
    {                                                                                              \
        return EXPR;                                                                               \
    }                                                                                              \
    LOOP(NAME, f_##NAME(AT(0)), f_##NAME(AT_END(0)))
#define OP2(NAME, EXPR)                                                                            \
    CN__INLINE vf f_##NAME(vf a, vf b)                                                             \
    {                                                                                              \
        return EXPR;                                                                               \
    }                                                                                              \
    LOOP(NAME, f_##NAME(AT(0), AT(1)), f_##NAME(AT_END(0), AT_END(1)))
#define OP3(NAME, EXPR)                                                                            \
    CN__INLINE vf f_##NAME(vf a, vf b, vf c)                                                       \
    {                                                                                              \
        return EXPR;                                                                               \
    }                                                                                              \
    LOOP(NAME, f_##NAME(AT(0), AT(1), AT(2)), f_##NAME(AT_END(0), AT_END(1), AT_END(2)))

/* Operations left to libm, element by element. */
#define LIBM(NAME, EXPR)                                                                           \
    static void op_##NAME(float *dst, const ew_src *s, int64_t n)                                  \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            dst[i] = EXPR;                                                                         \
    }
#define ONE(k) s[k].p[(uint64_t)i & s[k].mask]

#define ZERO cn__splat(0.0f)
#define UNIT cn__splat(1.0f)
#define TRUTH(x) m_not(v_eq(x, ZERO))
#define AS_NUMBER(m) v_keep(m, UNIT)

/* clang-format off */
OP1(COPY, a)
OP2(ADD, a + b)
OP2(SUB, a - b)
OP2(MUL, (a * b))
OP2(DIV, a / b)
OP1(NEG, as_f(as_u(a) ^ splat_u(0x80000000u)))
OP1(ABS, v_abs(a))
OP1(SQUARE, (a * a))
OP1(SQRT, v_sqrt(a))
OP1(RSQRT, UNIT / v_sqrt(a))
OP1(RECIPROCAL, UNIT / a)
OP1(EXP, v_exp(a))
OP1(EXPM1, v_expm1(a))
OP1(LOG, v_log(a))
OP1(LOG1P, v_log1p(a))
OP1(TANH, v_tanh(a))
OP1(SIGMOID, v_sigmoid(a))
OP1(ERF, v_erf(a))
LIBM(SIN, sinf(ONE(0)))
LIBM(COS, cosf(ONE(0)))
LIBM(POW, powf(ONE(0), ONE(1)))
OP1(FLOOR, v_floor(a))
OP1(CEIL, v_ceil(a))
OP1(ROUND, v_round(a))
/* Zero and NaN are their own sign. */
OP1(SIGN, v_sel(m_or(v_lt(a, ZERO), v_lt(ZERO, a)), v_copysign(UNIT, a), a))
/* cn__max gives b where either is NaN, so only a NaN in a needs care. */
OP2(MAX, v_sel(v_unord(a, a), a, cn__max(a, b)))
OP2(MIN, v_sel(v_unord(a, a), a, v_min(a, b)))
OP1(RELU, cn__max(ZERO, a))
OP3(FMA, cn__fma(a, b, c))
OP3(SELECT, v_sel(TRUTH(a), b, c))
OP2(EQ, AS_NUMBER(v_eq(a, b)))
OP2(NE, AS_NUMBER(m_not(v_eq(a, b))))
OP2(LT, AS_NUMBER(v_lt(a, b)))
OP2(LE, AS_NUMBER(v_le(a, b)))
OP2(GT, AS_NUMBER(v_lt(b, a)))
OP2(GE, AS_NUMBER(v_le(b, a)))
OP2(AND, AS_NUMBER(m_and(TRUTH(a), TRUTH(b))))
OP2(OR, AS_NUMBER(m_or(TRUTH(a), TRUTH(b))))
OP1(NOT, AS_NUMBER(v_eq(a, ZERO)))
OP1(ISNAN, AS_NUMBER(v_unord(a, a)))
OP1(ISFINITE, AS_NUMBER(v_lt(v_abs(a), cn__splat(INFINITY))))
OP1(SOFTPLUS, v_softplus(a))
OP2(FLOORDIV, v_floor(a / b))
/* clang-format on */

/* The remainder with the sign of the divisor. */
static float floor_mod(float a, float b)
{
    float r = fmodf(a, b);
    return r != 0.0f && (r < 0.0f) != (b < 0.0f) ? r + b : r;
}
LIBM(MOD, floor_mod(ONE(0), ONE(1)))

#define op_ADAM NULL
ew_fn *const CN__FN(ew_table)[CN__EW_OP_COUNT] = {
#define ENTRY(name, operands) op_##name,
    CN__EW_OPS(ENTRY)
#undef ENTRY
};
