/* The inverse error function and the digamma function. */
#include "kernels/reference/special.h"
#include <math.h>

#define PI 3.14159265358979323846

double cn__erfinv(double y)
{
    double side = fabs(y);
    if (!(side < 1))
        return side == 1 ? copysign(HUGE_VAL, y) : NAN;
    /* Winitzki's closed form is good to 2e-3; three steps of Halley's method, which triples the
     * digits, reach a double's precision. Near 1 the step uses erfc, where 1 - erf would have lost
     * its digits. */
    const double a = 0.147;
    double l = log1p(-side * side);
    double u = 2 / (PI * a) + l / 2;
    double x = sqrt(sqrt(u * u - l / a) - u);
    for (int i = 0; i < 3 && x < 27; i++) {
        double error = x < 1 ? erf(x) - side : (1 - side) - erfc(x);
        double step = error / (2 / sqrt(PI) * exp(-x * x));
        x -= step / (1 + x * step);
    }
    return copysign(x, y);
}

double cn__digamma(double x)
{
    double shift = 0;
    if (x <= 0) {
        if (x == floor(x))
            return NAN;
        /* digamma(x) = digamma(1 - x) - pi / tan(pi x); the tangent's period keeps its argument
         * small. */
        shift = -PI / tan(PI * (x - floor(x)));
        x = 1 - x;
    }
    /* digamma(x) = digamma(x + 1) - 1 / x, up to where the asymptotic series has all digits. */
    while (x < 10) {
        shift -= 1 / x;
        x += 1;
    }
    double r = 1 / (x * x);
    double series =
        r * (1. / 12 - r * (1. / 120 -
                            r * (1. / 252 - r * (1. / 240 - r * (1. / 132 - r * (691. / 32760))))));
    return shift + log(x) - 0.5 / x - series;
}
