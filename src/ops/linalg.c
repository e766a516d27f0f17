/* The QR decomposition, for orthogonal matrices. */
#include <cornu/linalg.h>

#include "ops/support.h"

/* qr(x): x (…, m, n) = q (…, m, k) r (…, k, n) with k = min(m, n). */
static int infer_qr(cn__node *node)
{
    const cn_shape *in = cn__in_shape(node, 0);
    cn_dtype dtype = node->in[0]->dtype;
    if (in->rank < 2) {
        return cn__fail(CN_EVALUE, "Input should have rank >= 2. Received: a tensor of rank %d",
                        in->rank);
    }
    if (!cn__dtype_is_float(dtype)) {
        return cn__fail(CN_ETYPE, "qr: expected a float tensor, got %s", cn_dtype_name(dtype));
    }
    int64_t m = in->dim[in->rank - 2], n = in->dim[in->rank - 1];
    if (m < 0 || n < 0) {
        return cn__fail(CN_EVALUE, "Input should have its last 2 dimensions fully-defined.");
    }
    node->n_out = 2;
    for (int i = 0; i < 2; i++) {
        node->dtype[i] = dtype;
        node->shape[i] = *in;
        node->shape[i].dim[in->rank - (i == 0 ? 1 : 2)] = m < n ? m : n;
    }
    return 0;
}

static cn__batch batch_qr(const cn__node *node, const bool *batched)
{
    return !batched[0] ? CN__BATCH_NONE : cn__row_if(cn__in_shape(node, 0)->rank > 2);
}

const cn__op cn__op_qr = {.name = "qr",
                          .min_in = 1,
                          .max_in = 1,
                          .n_out = 2,
                          .flags = CN__OP_NO_GRADIENT,
                          .infer = infer_qr,
                          .batch = batch_qr,
                          .reference = &cn__reference_qr};

cn_tensor *cn_qr(cn_tensor *x, cn_tensor **r)
{
    cn_tensor *second = NULL, *q = cn__apply(&cn__op_qr, NULL, 1, &x, &second);
    if (r) {
        *r = second;
    } else {
        cn_free(second);
    }
    return q;
}
