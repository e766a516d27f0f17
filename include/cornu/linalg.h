/* Linear algebra (keras.ops.linalg). */
#ifndef CORNU_LINALG_H
#define CORNU_LINALG_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* keras.ops.qr, mode "reduced": x (…, m, n) is q (…, m, k) times the upper triangle r (…, k, n), k
 * = min(m, n), and the columns of q are orthonormal. Returns q, and r if it is not NULL.
 * Householder's method, so that signs are LAPACK's. Has no gradient. */
CN_API cn_tensor *cn_qr(cn_tensor *x, cn_tensor **r);

#ifdef __cplusplus
}
#endif
#endif
