/* Custom gradients: a function of tensors whose backward pass is the user's own. */
#include "ops/support.h"
#include <cornu/tape.h>

/* custom_gradient(y, x…): y as it is; the gradient goes to the x by attrs.i[0 …] = the function,
 * i[2] = its user pointer. The y itself gets none, so nothing flows back through how it was made.
 */
enum { BACKWARD = 0, USER = 2 };

static void write_attrs(cn__attrs *attrs, cn_custom_backward backward, void *user)
{
    memcpy(&attrs->i[BACKWARD], &backward, sizeof backward);
    memcpy(&attrs->i[USER], &user, sizeof user);
}

static int check_gradient(const cn_tensor *x, const cn_tensor *g, int i)
{
    if (!g) {
        return 0;
    }
    if (cn__expect(g, CN__TENSOR, "cn_custom_gradient: a gradient") < 0) {
        return cn_error_code();
    }
    bool same = g->shape.rank == x->shape.rank;
    for (int a = 0; same && a < x->shape.rank; a++) {
        same = cn__agree(g->shape.dim[a], x->shape.dim[a]) != -2;
    }
    if (!same) {
        char want[CN__SHAPE_TEXT], got[CN__SHAPE_TEXT];
        return cn__fail(CN_EVALUE,
                        "cn_custom_gradient: the gradient of input %d has shape %s, expected %s", i,
                        cn__shape_text(&g->shape, got, sizeof got),
                        cn__shape_text(&x->shape, want, sizeof want));
    }
    return 0;
}

static int gradient_custom(const cn__node *node, cn_tensor *const *out, cn_tensor *const *grads_out,
                           cn_tensor **grads_in)
{
    cn_custom_backward backward;
    void *user;
    memcpy(&backward, &node->attrs.i[BACKWARD], sizeof backward);
    memcpy(&user, &node->attrs.i[USER], sizeof user);
    int n = node->n_in - 1;
    int code = backward(node->in + 1, n, out[0], grads_out[0], grads_in + 1, user);
    if (code < 0 && !cn__pending()) {
        return cn__fail(code, "cn_custom_gradient: the backward function failed with code %d",
                        code);
    }
    code = cn_error_code();
    for (int i = 0; code == 0 && i < n; i++) {
        code = check_gradient(node->in[i + 1], grads_in[i + 1], i);
    }
    return code;
}

/* Not in the list of ops: it computes nothing, and its gradient is whatever the user says. */
static const cn__op custom_gradient = {.name = "custom_gradient",
                                       .min_in = 2,
                                       .max_in = CN__MAX_INPUTS,
                                       .n_out = 1,
                                       .flags = CN__OP_VIEW | CN__OP_INTERNAL,
                                       .infer = cn__infer_same,
                                       .gradient = gradient_custom,
                                       .batch = cn__batch_row,
                                       .reference = &cn__reference_identity};

cn_tensor *cn_custom_gradient_of(cn_custom_forward forward, cn_custom_backward backward, void *user,
                                 int n_in, cn_tensor *const *in)
{
    cn_tensor *list[CN__MAX_INPUTS];
    if (cn__pending()) {
        return NULL;
    }
    if (!forward || !backward || n_in < 1 || n_in >= CN__MAX_INPUTS) {
        cn__fail(CN_EVALUE, "cn_custom_gradient: expected two functions and 1 to %d tensors",
                 CN__MAX_INPUTS - 1);
        return NULL;
    }
    for (int i = 0; i < n_in; i++) {
        if (!cn__check_tensor(in[i], "cn_custom_gradient")) {
            return NULL;
        }
        list[i + 1] = in[i];
    }
    list[0] = forward(in, n_in, user);
    if (!list[0] && !cn__pending()) {
        cn__fail(CN_EVALUE, "cn_custom_gradient: the function returned NULL without an error");
    }
    if (cn__pending()) {
        return NULL;
    }
    cn__attrs attrs = {0};
    write_attrs(&attrs, backward, user);
    return cn__apply(&custom_gradient, &attrs, n_in + 1, list, NULL);
}
