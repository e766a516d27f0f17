/* Every layer that exists against the real Keras: configs, values, gradients, updated weights,
 * regularisation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"

#if CN_TEST_HAVE_JANSSON
/* A library without jansson has no configs; the test brings what it needs
 * (tests/support/minimal_*.c). */
enum { LIBRARY_WRITES_CONFIGS = CN__HAVE_JANSSON };
#undef CN__HAVE_JANSSON
#define CN__HAVE_JANSSON 1

#include "core/memory.h"
#include "layers/layer.h"
#include "utils/config.h"
#include <cornu/tape.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 32 };

/* One run of a case: as which Keras, and the arrays that differ there. */
typedef struct run {
    const golden_case *c;
    bool two;
    cn_layer *layer;
    cn_tensor *x[MOST], *w[MOST], *y;
    int n_x, n_w;
} run;

static cn_tensor *array(const run *r, const char *name)
{
    char other[80];
    snprintf(other, sizeof other, "k2_%s", name);
    return golden_array(r->c, r->two && golden_has(r->c, other) ? other : name);
}

static cn_tensor *numbered(const run *r, const char *name, int i)
{
    char text[64];
    snprintf(text, sizeof text, "%s%d", name, i);
    return golden_has(r->c, text) ? array(r, text) : NULL;
}

static void make_layer(run *r, const json_t *config)
{
    const cn_class *class = cn__class_find(CN__LAYER, golden_string(r->c, "class_name"));
    r->layer = cn__from_config(CN__LAYER, class, config);
    if (!r->layer) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
}

static void check_config(const run *r, const json_t *config, const char *when)
{
    json_t *mine = cn__get_config(r->layer, r->two ? CN__DIALECT_KERAS2 : CN__DIALECT_KERAS3);
    if (!golden_same_json(mine, config)) {
        char *a = mine ? json_dumps(mine, 0) : NULL, *b = json_dumps(config, 0);
        fail_msg("%s %s: config\n%s\nKeras has\n%s\n%s", r->c->name, when, a ? a : "none", b,
                 cn_error() ? cn_error() : "");
    }
    json_decref(mine);
}

/* Puts the inputs in place, with their masks, and builds the layer with the case's weights. */
static void load(run *r)
{
    cn_shape shapes[MOST];
    for (r->n_x = 0; (r->x[r->n_x] = numbered(r, "x", r->n_x)) != NULL; r->n_x++) {
        cn_tensor *mask = numbered(r, "m", r->n_x);
        r->x[r->n_x]->mask = cn__ref(mask                         ? mask
                                     : golden_has(r->c, "k_mask") ? array(r, "k_mask")
                                                                  : NULL);
        shapes[r->n_x] = r->x[r->n_x]->shape;
    }
    if (cn_layer_build(r->layer, shapes, r->n_x) < 0) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
    for (r->n_w = 0; (r->w[r->n_w] = numbered(r, "w", r->n_w)) != NULL; r->n_w++) {}
    if (cn_layer_set_weights(r->layer, r->n_w, r->w) < 0) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
    assert_int_equal(cn_layer_weights(r->layer, r->w, MOST), r->n_w);
}

/* Sums of a few products of numbers around 1 in float32: 2e-6; gradients of the normalisations
 * divide by deviations. */
static void check_gradients_of(run *r, cn_tape *tape)
{
    cn_tensor *sources[2 * MOST], *gradients[2 * MOST];
    int n = 0;
    for (int i = 0; i < r->n_x; i++) {
        sources[n++] = r->x[i];
    }
    for (int i = 0; i < r->n_w; i++) {
        sources[n++] = r->w[i];
    }
    cn_gradient_args args = cn_gradient_defaults;
    args.output_gradients.v[0] = array(r, "g0");
    if (cn_tape_gradients_with(tape, 1, &r->y, n, sources, gradients, &args) < 0) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, i < r->n_x ? "dx%d" : "dw%d", i < r->n_x ? i : i - r->n_x);
        if (golden_has(r->c, name)) {
            golden_close(r->c, name, gradients[i], array(r, name), 2e-5, 2e-5);
        }
    }
}

static void check_losses(run *r)
{
    if (!golden_has(r->c, "regularization_loss") && !golden_has(r->c, "dr0")) {
        return;
    }
    cn_tape *tape = cn_tape_begin();
    cn_call_args args = {.size = sizeof args,
                         .training = json_is_true(json_object_get(r->c->json, "training"))};
    cn_tensor *losses[MOST], *sum = NULL;
    assert_non_null(cn_layer_call_with(r->layer, r->n_x, r->x, &args));
    int n = cn__layer_collect_losses(r->layer, true, losses, MOST);
    for (int i = 0; i < n; i++) {
        sum = sum ? cn_add(sum, losses[i]) : losses[i];
    }
    assert_non_null(sum);
    if (golden_has(r->c, "regularization_loss")) {
        golden_close(r->c, "regularization_loss", sum, array(r, "regularization_loss"), 1e-6, 1e-5);
    }
    cn_tensor *gradients[MOST];
    assert_int_equal(
        cn_tape_gradients_with(tape, 1, &sum, r->n_w, r->w, gradients, &cn_gradient_defaults), 0);
    for (int i = 0; i < r->n_w; i++) {
        cn_tensor *want = numbered(r, "dr", i);
        if (want) {
            golden_close(r->c, "dr", gradients[i], want, 1e-6, 1e-5);
        }
    }
}

static void check_call(run *r)
{
    cn_call_args args = {.size = sizeof args,
                         .training = json_is_true(json_object_get(r->c->json, "training"))};
    cn_tape *tape = cn_tape_begin();
    for (int i = 0; i < r->n_x; i++) {
        cn_tape_watch(tape, r->x[i]);
    }
    r->y = cn_layer_call_with(r->layer, r->n_x, r->x, &args);
    if (!r->y) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
    golden_close(r->c, "y0", r->y, array(r, "y0"), 2e-6, 2e-5);
    if (golden_has(r->c, "ym0")) {
        golden_close(r->c, "ym0", r->y->mask, array(r, "ym0"), 0, 0);
    } else {
        assert_null(r->y->mask);
    }
    if (golden_has(r->c, "g0")) {
        check_gradients_of(r, tape);
    }
    for (int i = 0; i < r->n_w; i++) {
        cn_tensor *want = numbered(r, "n", i);
        if (want) {
            golden_close(r->c, "n", r->w[i], want, 2e-6, 2e-5);
        }
    }
}

static void check_shape(run *r)
{
    json_t *expected = json_object_get(r->c->json, "output_shape_for_unknown_batch");
    cn_shape shapes[MOST], out;
    if (!json_is_array(expected) ||
        (json_array_size(expected) && json_is_array(json_array_get(expected, 0)))) {
        return;
    }
    for (int i = 0; i < r->n_x; i++) {
        shapes[i] = r->x[i]->shape;
        shapes[i].dim[0] = -1;
    }
    if (cn_layer_compute_output_shape(r->layer, shapes, r->n_x, &out) < 0) {
        fail_msg("%s: %s", r->c->name, cn_error());
    }
    assert_int_equal(out.rank, json_array_size(expected));
    for (int i = 0; i < out.rank; i++) {
        json_t *length = json_array_get(expected, (size_t)i);
        assert_int_equal(out.dim[i], json_is_null(length) ? -1 : json_integer_value(length));
    }
}

static bool check_as(const golden_case *c, bool two)
{
    json_t *config = json_object_get(c->json, two ? "keras2_config" : "config");
    if (!json_is_object(config)) {
        return false;
    }
    cn_set_keras(two ? "2.21" : "3.15");
    run r = {.c = c, .two = two};
    make_layer(&r, config);
    load(&r);
    if (LIBRARY_WRITES_CONFIGS) {
        check_config(&r, config, "built");
    }
    check_call(&r);
    check_losses(&r);
    check_shape(&r);
    cn_set_keras("2.21");
    return true;
}

static bool check_case(const golden_case *c, void *user)
{
    (void)user;
    if (!cn__class_find(CN__LAYER, golden_string(c, "class_name"))) {
        return false;
    }
    bool three = check_as(c, false);
    return check_as(c, true) || three;
}

static void golden_layers(void **state)
{
    (void)state;
    assert_true(golden_each("layers", NULL, check_case, NULL) > 0);
}

static cn_shape shape_of(const json_t *list)
{
    cn_shape shape = {.rank = (int)json_array_size(list)};
    for (int k = 0; k < shape.rank; k++) {
        shape.dim[k] = k ? json_integer_value(json_array_get(list, (size_t)k)) : -1;
    }
    return shape;
}

/* The shapes that a layer was built with: one, or a list of them; returns how many. */
static int build_shapes(const json_t *build, cn_shape *shapes)
{
    if (!json_is_array(json_array_get(build, 0))) {
        shapes[0] = shape_of(build);
        return shapes[0].rank > 0;
    }
    int n = (int)json_array_size(build);
    assert_in_range(n, 1, MOST);
    for (int i = 0; i < n; i++) {
        shapes[i] = shape_of(json_array_get(build, (size_t)i));
    }
    return n;
}

/* Every serialised layer of the model files whose class exists comes back as it was, to the byte.
 */
static int round_trip(const json_t *value, bool two)
{
    int n = 0;
    const char *key, *module = json_string_value(json_object_get(value, "module"));
    json_t *item;
    size_t i;
    if (module && strcmp(module, "keras.layers") == 0 &&
        cn__class_find(CN__LAYER, json_string_value(json_object_get(value, "class_name")))) {
        cn_layer *layer = cn__deserialize(CN__LAYER, value);
        json_t *config = json_object_get(value, "config");
        char *text = cn__json_dumps(config);
        /* An axis is written as a list once its layer is built. */
        json_t *build = json_object_get(json_object_get(value, "build_config"), "input_shape");
        cn_shape shapes[MOST];
        int inputs = build_shapes(build, shapes);
        if (layer && inputs) {
            cn_layer_build(layer, shapes, inputs);
        }
        const char *mine = layer ? cn_layer_get_config(layer) : NULL;
        if (!mine) {
            fail_msg("%s: %s", text, cn_error());
        }
        assert_string_equal(mine, text);
        json_t *object = cn__serialize(layer, two ? CN__DIALECT_KERAS2 : CN__DIALECT_KERAS3), *rest;
        assert_non_null(object);
        /* Functional models add a name and connections behind. */
        json_object_foreach(object, key, rest)
        {
            assert_true(golden_same_json(rest, json_object_get(value, key)));
        }
        json_decref(object);
        cn__free_mem(text);
        return 1;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        n += round_trip(item, two);
    }
    json_array_foreach(value, i, item)
    {
        n += round_trip(item, two);
    }
    return n;
}

static int round_trips;

static bool check_file(const golden_case *c, void *user)
{
    char below[256];
    bool two = strstr(c->name, "_k2") != NULL;
    (void)user;
    snprintf(below, sizeof below, "golden/files/%s.model.json", c->name);
    char *text = golden_text(below);
    if (!text) {
        return false;
    }
    cn_set_keras(two ? "2.21" : "3.15");
    json_t *model = json_loads(text, 0, NULL);
    assert_non_null(model);
    round_trips += round_trip(model, two);
    json_decref(model);
    free(text);
    cn_set_keras("2.21");
    return true;
}

static void golden_files(void **state)
{
    (void)state;
    if (!LIBRARY_WRITES_CONFIGS) {
        skip();
    }
    round_trips = 0;
    assert_true(golden_each("files", NULL, check_file, NULL) > 10);
    assert_true(round_trips > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_layers),
                                       cmocka_unit_test(golden_files)};
    return cmocka_run_group_tests_name("golden layers", tests, NULL, NULL);
}
#else
int main(void)
{
    return 0;
}
#endif
