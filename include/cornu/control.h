/* Choices and loops whose conditions are tensors (keras.ops.cond, keras.ops.while_loop). */
#ifndef CORNU_CONTROL_H
#define CORNU_CONTROL_H

#include <cornu/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills out[0 … n_out - 1]; 0, or a negative code with the error pending. */
typedef int (*cn_branch)(void *user, int n_out, cn_tensor **out);
/* The results of one of two functions, by a scalar's truth. Eagerly only the chosen one is called,
 * and tapes see what it does. In a traced function both are recorded and the results are chosen
 * when it runs: they must then have equal shapes and dtypes, and a branch that assigns to a
 * variable or checks data is CN_EUNSUPPORTED. */
CN_API int cn_cond(cn_tensor *pred, cn_branch true_fn, cn_branch false_fn, void *user, int n_out,
                   cn_tensor **out);

/* A scalar: whether to go on. */
typedef cn_tensor *(*cn_loop_cond)(void *user, int n, cn_tensor *const *loop_vars);
/* Replaces loop_vars[0 … n - 1] by those of the next round; 0, or a negative code with the error
 * pending. */
typedef int (*cn_loop_body)(void *user, int n, cn_tensor **loop_vars);
/* Calls `body` while `cond` holds, at most `maximum_iterations` times (CN_NONE: no limit), and
 * leaves the last variables in loop_vars. Eagerly every op of the body is an op like any other
 * (tapes see it). In a traced function the loop is one op that calls cond and body each time it
 * runs: at most 8 variables, which keep their shapes and dtypes, no gradient, and cond, body and
 * user must outlive the function. */
CN_API int cn_while_loop(cn_loop_cond cond, cn_loop_body body, void *user, int n,
                         cn_tensor **loop_vars, int64_t maximum_iterations);

#ifdef __cplusplus
}
#endif
#endif
