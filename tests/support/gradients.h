/* Checks the gradients of an op against differences of its values, and the gradients of those
 * gradients. */
#ifndef CN_TESTS_SUPPORT_GRADIENTS_H
#define CN_TESTS_SUPPORT_GRADIENTS_H

#include <cornu/tensor.h>

enum { CN_TEST_INPUTS = 4, CN_TEST_OUTPUTS = 3 };

/* How an input is filled, and whether it is differentiated. */
typedef enum test_fill {
    TEST_REAL,     /* float64, uniform in [low, high], not within 0.02 of a kink: differentiated */
    TEST_DISTINCT, /* float64, all values at least 0.1 apart, shuffled: differentiated */
    TEST_SIMPLEX,  /* float64, positive, each row sums to 1: differentiated */
    TEST_INTEGER,  /* int32, uniform in [low, high] */
    TEST_SHAPE /* float64 that is read for its shape only: no gradient, and its values do not matter
                */
} test_fill;

typedef struct test_input {
    test_fill fill;
    cn_shape shape; /* rank 0 and a first length of 0 stand for (2, 3) */
    double low, high;
    int n_kinks;
    double kinks[4];
} test_input;

/* Applies the op; fills `out` with the outputs to be differentiated and returns their number. */
typedef int test_call(cn_tensor *const *in, cn_tensor **out);

typedef struct gradient_case {
    const char *op;   /* its name in the list of ops */
    const char *none; /* why the op has no gradient; NULL: it has one */
    bool refuses;     /* with `none`: its gradient is an error that says so (CN_EUNSUPPORTED) */
    test_call *call;
    int n_in;
    test_input in[CN_TEST_INPUTS];
    double tolerance;      /* relative to the larger of both values and 0.1; 0 stands for 1e-7 */
    const char *no_second; /* why second derivatives are not checked; NULL: they are */
    const char *flat;      /* why a gradient of zeros is right; NULL: it would be an error */
    const char *wide;      /* why half types are not tried; NULL: they are */
} gradient_case;

/* Fails the running cmocka test with the case's words if something is wrong. `index` seeds the
 * inputs. */
void check_gradients(const gradient_case *c, unsigned index);

#endif
