/* The formula of every elementwise op with two inputs: the line that a new one costs here. */
#ifndef CN_KERNELS_REFERENCE_BINARY_FORMULAS_H
#define CN_KERNELS_REFERENCE_BINARY_FORMULAS_H

/* In a formula a and b are the elements, of type T; M(pow) is pow or powf; FN(floor_mod) is this
 * class's own function. BOTH(name, formula, integers, check)   for floating types, and for integers
 * after a check of b FLOAT(name, formula)                   for floating types TRUTH(name, formula)
 * bool of any type Integer sums and products wrap. maximum and minimum give NaN if either operand
 * is one. */
/* clang-format off */
#define CN__BINARY_FORMULAS(BOTH, FLOAT, TRUTH) \
    BOTH(add, a + b, (T)((uint64_t)a + (uint64_t)b), CHECK_NOTHING) \
    BOTH(subtract, a - b, (T)((uint64_t)a - (uint64_t)b), CHECK_NOTHING) \
    BOTH(multiply, a * b, (T)((uint64_t)a * (uint64_t)b), CHECK_NOTHING) \
    FLOAT(divide, a / b) \
    BOTH(floor_divide, M(floor)(a / b), FN(quotient)(a, b), CHECK_DIVISOR) \
    BOTH(mod, FN(remainder)(a, b), FN(remainder)(a, b), CHECK_DIVISOR) \
    BOTH(power, M(pow)(a, b), (T)integer_power((uint64_t)a, (uint64_t)b), CHECK_EXPONENT) \
    BOTH(maximum, a >= b || a != a ? a : b, a >= b ? a : b, CHECK_NOTHING) \
    BOTH(minimum, a <= b || a != a ? a : b, a <= b ? a : b, CHECK_NOTHING) \
    FLOAT(arctan2, M(atan2)(a, b)) \
    FLOAT(sigmoid_cross_entropy, \
        (a > 0 ? a : 0) - a * b + M(log1p)(M(exp)(-M(fabs)(a)))) \
    TRUTH(equal, a == b) \
    TRUTH(not_equal, a != b) \
    TRUTH(less, a < b) \
    TRUTH(less_equal, a <= b) \
    TRUTH(greater, a > b) \
    TRUTH(greater_equal, a >= b) \
    TRUTH(logical_and, a != 0 && b != 0) \
    TRUTH(logical_or, a != 0 || b != 0) \
    TRUTH(logical_xor, (a != 0) != (b != 0))
/* clang-format on */

#endif
