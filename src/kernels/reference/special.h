/* Functions that libm lacks, in double. */
#ifndef CN_KERNELS_REFERENCE_SPECIAL_H
#define CN_KERNELS_REFERENCE_SPECIAL_H

/* The x with erf(x) = y; infinite at -1 and 1, NaN outside. */
double cn__erfinv(double y);
/* The derivative of lgamma: NaN at 0, -1, -2, … */
double cn__digamma(double x);

#endif
