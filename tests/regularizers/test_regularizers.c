/* Regularizers and constraints against the real Keras: values, gradients, projections, configs,
 * functions. */
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
#include "core/instance.h"
#include "utils/config.h"
#include <cornu/constraints.h>
#include <cornu/regularizers.h>
#include <cornu/tape.h>
#include <string.h>

static json_t *line(const golden_case *c, bool two)
{
    return json_object_get(json_object_get(c->json, "lines"), two ? "tf_keras" : "keras");
}

static void *make(const golden_case *c, cn__kind kind, bool two)
{
    json_t *want = json_object_get(line(c, two), "config");
    json_t *object =
        json_pack("{s:s, s:O}", "class_name", golden_string(c, "class_name"), "config", want);
    void *made = cn__deserialize(kind, object);
    json_decref(object);
    json_t *mine =
        made ? cn__get_config(made, two ? CN__DIALECT_KERAS2 : CN__DIALECT_KERAS3) : NULL;
    if (!golden_same_json(mine, want)) {
        fail_msg("%s: config %s, Keras has %s; %s", c->name, mine ? json_dumps(mine, 0) : "none",
                 json_dumps(want, 0), cn_error() ? cn_error() : "");
    }
    json_decref(mine);
    return made;
}

/* Sums of some dozen float32 numbers. */
static bool check_regularizer(const golden_case *c, void *user)
{
    (void)user;
    for (int two = 0; two < 2; two++) {
        cn_set_keras(two ? "2.21" : "3.15");
        cn_regularizer *regularizer = make(c, CN__REGULARIZER, two);
        cn_tensor *w = golden_array(c, "w");
        cn_tape *tape = cn_tape_begin();
        cn_tape_watch(tape, w);
        cn_tensor *value = cn_regularizer_call(regularizer, w);
        golden_close(c, "value", value, golden_array(c, two ? "value_k2" : "value_k3"), 1e-7, 1e-6);
        golden_close(c, "dw", cn_tape_gradient(tape, value, w),
                     golden_array(c, two ? "dw_k2" : "dw_k3"), 1e-7, 2e-6);
    }
    cn_set_keras("2.21");
    return true;
}

static bool check_constraint(const golden_case *c, void *user)
{
    (void)user;
    for (int two = 0; two < 2; two++) {
        if (!line(c, two)) {
            continue;
        }
        cn_set_keras(two ? "2.21" : "3.15");
        cn_constraint *constraint = make(c, CN__CONSTRAINT, two);
        cn_tensor *got = cn_constraint_call(constraint, golden_array(c, "w"));
        golden_close(c, "value", got,
                     golden_array(c, two && golden_has(c, "value_k2") ? "value_k2" : "value_k3"),
                     1e-7, 1e-6);
    }
    cn_set_keras("2.21");
    return true;
}

static void golden_regularizers(void **state)
{
    (void)state;
    assert_true(golden_each("regularizers", NULL, check_regularizer, NULL) > 0);
}

static void golden_constraints(void **state)
{
    (void)state;
    assert_true(golden_each("constraints", NULL, check_constraint, NULL) > 0);
}

static cn_tensor *whole(cn_tensor *x, void *user)
{
    (void)user;
    return x;
}

static cn_tensor *first(cn_tensor *x, void *user)
{
    (void)user;
    return cn_rows(x, 0, 1);
}

static void names_and_functions(void **state)
{
    (void)state;
    cn_scope scope = cn_scope_begin();
    cn_tensor *x = cn_array(1, -2);
    const char *const names[] = {"l1", "l2", "l1_l2", "L1L2"};
    const double want[] = {0.03, 0.05, 0.08, 0};
    for (int i = 0; i < 4; i++) {
        double got = cn_tensor_value(cn_regularizer_call(cn_regularizer_get(names[i]), x));
        assert_true(got > want[i] - 1e-7 && got < want[i] + 1e-7);
    }
    const char *const constraints[] = {"max_norm", "maxnorm",   "MaxNorm",     "non_neg",
                                       "nonneg",   "unit_norm", "min_max_norm"};
    for (size_t i = 0; i < sizeof constraints / sizeof *constraints; i++) {
        assert_non_null(cn_constraint_get(constraints[i]));
    }
    assert_null(cn_regularizer_call(cn_regularizer_from(whole, NULL, "whole"), x));
    assert_non_null(strstr(cn_error(), "should return a scalar, got a tensor of shape (2,)"));
    cn_error_clear();
    assert_null(cn_constraint_call(cn_constraint_from(first, NULL, "first"), x));
    assert_non_null(strstr(cn_error(), "gave a tensor of shape (1,) for a weight of shape (2,)"));
    cn_error_clear();
    assert_null(cn_regularizer_l2(.l2 = CN_NONE_FLOAT));
    assert_int_equal(cn_error_code(), CN_EVALUE);
    cn_error_clear();
    assert_null(cn_constraint_get("maxnorm2"));
    assert_non_null(strstr(cn_error(), "Unknown constraint: 'maxnorm2'. Please ensure"));
    cn_error_clear();
    assert_null(cn_constraint_get(cn_regularizer_l1()));
    assert_non_null(strstr(cn_error(), "expected a constraint, got a regularizer"));
    cn_error_clear();
    cn_scope_end(scope);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_regularizers),
                                       cmocka_unit_test(golden_constraints),
                                       cmocka_unit_test(names_and_functions)};
    return cmocka_run_group_tests_name("regularizers and constraints", tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
