/* Activations against the real Keras: values and gradients over a grid with extremes, arguments,
 * names, functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#if CN_TEST_HAVE_JANSSON
/* A minimal library has no JSON of its own: tests/support compiles it once more for the tests. */
#undef CN__HAVE_JANSSON
#define CN__HAVE_JANSSON 1
#include "activations/activation.h"
#include "utils/config.h"
#include <cornu/tape.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static cn_activation *make(const golden_case *c)
{
    json_t *config = json_pack("{s:s, s:O}", "class_name", golden_string(c, "function"), "config",
                               json_object_get(c->json, "kwargs"));
    cn_activation *activation = cn__deserialize(CN__ACTIVATION, config);
    json_decref(config);
    return activation;
}

/* float32 functions of libm and of TensorFlow's vector code differ by a few units in the last
 * place. */
static void compare(const golden_case *c, const char *y_name, const char *dx_name)
{
    cn_tensor *x = golden_array(c, "x");
    cn_activation *activation = make(c);
    cn_tape *tape = cn_tape_begin();
    cn_tape_watch(tape, x);
    cn_tensor *y = cn_activation_call(activation, x);
    golden_close(c, y_name, y, golden_array(c, y_name), 2e-6, 2e-6);
    cn_gradient_args args = cn_gradient_defaults;
    args.output_gradients.v[0] = golden_array(c, "g");
    cn_tensor *dx = NULL;
    assert_int_equal(cn_tape_gradients_with(tape, 1, &y, 1, &x, &dx, &args), 0);
    cn_tensor *want = golden_array(c, dx_name);
    /* At their kink, x = 0 to the bit, Keras's formulas of elu and celu give a one-sided slope or
     * the sum of both; here it is 1. */
    bool kinked = strncmp(c->name, "elu", 3) == 0 || strncmp(c->name, "celu", 4) == 0;
    for (int64_t i = 0; kinked && i < cn_tensor_size(x); i++) {
        if (cn_tensor_item(x, i) == 0) {
            ((float *)cn_tensor_data_mutable(want))[i] = (float)cn_tensor_item(dx, i);
            assert_true(cn_tensor_item(dx, i) == cn_tensor_item(args.output_gradients.v[0], i));
        }
    }
    golden_close(c, dx_name, dx, want, 5e-6, 5e-6);
}

static bool check_case(const golden_case *c, void *user)
{
    (void)user;
    cn_set_keras("3.15");
    compare(c, "y_k3", "dx_k3");
    cn_set_keras("2.21");
    const char *line =
        json_string_value(json_object_get(json_object_get(c->json, "lines"), "tf_keras"));
    if (line && strcmp(line, "absent") != 0) {
        bool same = !golden_has(c, "y_k2");
        compare(c, same ? "y_k3" : "y_k2", golden_has(c, "dx_k2") ? "dx_k2" : "dx_k3");
    }
    return true;
}

static void golden_activations(void **state)
{
    (void)state;
    assert_true(golden_each("activations", NULL, check_case, NULL) > 0);
}

static cn_tensor *shifted(cn_tensor *x, void *user)
{
    return cn_add(x, *(double *)user);
}

static cn_tensor *nothing(cn_tensor *x, void *user)
{
    (void)x;
    (void)user;
    return NULL;
}

static void functions(void **state)
{
    (void)state;
    double by = 2;
    cn_scope scope = cn_scope_begin();
    cn_activation *own = cn_activation_from(shifted, &by, "shifted");
    assert_true(cn_tensor_item(cn_activation_call(own, cn_array(1, 3)), 1) == 5);
    assert_null(cn_activation_call(cn_activation_from(nothing, NULL, NULL), cn_array(1)));
    assert_non_null(strstr(cn_error(), "returned NULL"));
    cn_error_clear();
    assert_null(cn_activation_get("rellu"));
    assert_string_equal(cn_error(), "Unknown activation function 'rellu' cannot be deserialized.");
    assert_int_equal(cn_error_code(), CN_EKEY);
    cn_error_clear();
    cn_set_keras("3");
    assert_null(cn_activation_get("rellu"));
    assert_string_equal(cn_error(), "Could not interpret activation function identifier: rellu");
    cn_error_clear();
    cn_set_keras("2.21");
    assert_null(cn_activation_get((cn_identifier)(uintptr_t)shifted));
    assert_non_null(strstr(cn_error(), "cn_activation_from()"));
    cn_error_clear();
    cn_activation *limited = cn_activation_relu(.max_value = 1, .negative_slope = 0.5);
    assert_true(cn_tensor_item(cn_activation_call(limited, cn_array(-2, 3)), 0) == -1);
    assert_true(cn_tensor_item(cn_activation_call(limited, cn_array(-2, 3)), 1) == 1);
    assert_true(cn_tensor_item(cn_activation_call(cn_activation_get(NULL), cn_array(7)), 0) == 7);
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_activations),
                                       cmocka_unit_test(functions)};
    return cmocka_run_group_tests_name("activations", tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
