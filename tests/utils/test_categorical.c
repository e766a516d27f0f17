/* to_categorical and normalize, against what numpy and Keras give. */
#include <cornu/utils.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_text(const cn_tensor *t, const char *text)
{
    if (t == NULL) {
        fail_msg("%s", cn_error());
    }
    assert_string_equal(cn_tensor_string(t), text);
}

static void check_error(int code, const char *text)
{
    assert_non_null(cn_error());
    assert_string_equal(cn_error(), text);
    assert_int_equal(cn_error_code(), code);
    cn_error_clear();
}

static void test_to_categorical(void **state)
{
    (void)state;
    cn_tensor *y = cn_array(0, 2, 1);
    cn_tensor *hot = cn_to_categorical(y);
    check_text(hot, "[[1. 0. 0.]\n [0. 0. 1.]\n [0. 1. 0.]]");
    assert_int_equal(cn_tensor_dtype(hot), CN_FLOAT32);
    check_text(cn_to_categorical(y, .num_classes = 4),
               "[[1. 0. 0. 0.]\n [0. 0. 1. 0.]\n [0. 1. 0. 0.]]");
    check_text(cn_to_categorical(y, .dtype = CN_INT32), "[[1 0 0]\n [0 0 1]\n [0 1 0]]");
    /* A last axis of one is dropped, others stay. */
    cn_tensor *column =
        cn_tensor_new(CN_UINT8, 2, (const int64_t[]){2, 1}, (const uint8_t[]){1, 0});
    check_text(cn_to_categorical(column), "[[0. 1.]\n [1. 0.]]");
    cn_tensor *grid = cn_tensor_new(CN_INT64, 2, (const int64_t[]){1, 2}, (const int64_t[]){1, -1});
    check_text(cn_to_categorical(grid, .num_classes = 3), "[[[0. 1. 0.]\n  [0. 0. 1.]]]");
    check_text(cn_to_categorical(cn_scalar(1, CN_INT32), .num_classes = 3), "[0. 1. 0.]");
    check_text(cn_to_categorical(cn_array(1.9, 0.2)), "[[0. 1.]\n [1. 0.]]");
}

static void test_wrong_labels(void **state)
{
    (void)state;
    assert_null(cn_to_categorical(cn_array(1, 10), .num_classes = 10));
    check_error(CN_EINDEX, "index 10 is out of bounds for axis 1 with size 10");
    assert_null(cn_to_categorical(cn_array(-11), .num_classes = 10));
    check_error(CN_EINDEX, "index -11 is out of bounds for axis 1 with size 10");
    assert_null(cn_to_categorical(cn_array(NAN), .num_classes = 10));
    assert_int_equal(cn_error_code(), CN_EINDEX);
    cn_error_clear();
    assert_null(cn_to_categorical(cn_tensor_new(CN_INT32, 1, (const int64_t[]){0}, NULL)));
    check_error(CN_EVALUE, "zero-size array to reduction operation maximum which has no identity");
    assert_null(cn_to_categorical(cn_array(-5)));
    assert_int_equal(cn_error_code(), CN_EVALUE);
    cn_error_clear();
    assert_null(cn_to_categorical(cn_array(9e18)));
    assert_true(cn_error_code() < 0);
    cn_error_clear();
    assert_null(cn_to_categorical((cn_tensor *)NULL));
    assert_true(cn_error_code() < 0);
    cn_error_clear();
}

static void test_normalize(void **state)
{
    (void)state;
    cn_tensor *x =
        cn_tensor_new(CN_FLOAT32, 2, (const int64_t[]){2, 2}, (const float[]){3, 4, 0, 0});
    check_text(cn_normalize(x), "[[0.6 0.8]\n [0.  0. ]]");
    check_text(cn_normalize(x, .axis = 0), "[[1. 1.]\n [0. 0.]]");
    check_text(cn_normalize(x, .order = 1), "[[0.42857143 0.5714286 ]\n [0.         0.        ]]");
    check_text(cn_normalize(x, .order = INFINITY), "[[0.75 1.  ]\n [0.   0.  ]]");
    check_text(cn_normalize(x, .order = -INFINITY),
               "[[1.        1.3333334]\n [0.        0.       ]]");
    check_text(cn_normalize(x, .order = 3), "[[0.6669718 0.8892957]\n [0.        0.       ]]");
    assert_null(cn_normalize(x, .axis = 2));
    assert_int_equal(cn_error_code(), CN_EINDEX);
    cn_error_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_to_categorical),
        cmocka_unit_test(test_wrong_labels),
        cmocka_unit_test(test_normalize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
