/* Activations without arguments. */
#include "activations/activation.h"
#include "core/tensor.h"

static cn_tensor *call_linear(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return x;
}

CN__PLAIN_CLASS(activation, linear, "linear", NULL, call_linear)

static cn_tensor *call_sigmoid(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_sigmoid(x);
}

CN__PLAIN_CLASS(activation, sigmoid, "sigmoid", NULL, call_sigmoid)

static cn_tensor *call_tanh(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_tanh(x);
}

CN__PLAIN_CLASS(activation, tanh, "tanh", NULL, call_tanh)

static cn_tensor *call_exponential(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_exp(x);
}

CN__PLAIN_CLASS(activation, exponential, "exponential", NULL, call_exponential)

static cn_tensor *call_mish(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_mish(x);
}

CN__PLAIN_CLASS(activation, mish, "mish", NULL, call_mish)

static cn_tensor *call_relu6(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_relu6(x);
}

CN__PLAIN_CLASS(activation, relu6, "relu6", NULL, call_relu6)

static cn_tensor *call_selu(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_selu(x);
}

CN__PLAIN_CLASS(activation, selu, "selu", NULL, call_selu)

static cn_tensor *call_silu(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_silu(x);
}

CN__PLAIN_CLASS(activation, silu, "silu", "swish", call_silu)

static cn_tensor *call_softplus(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_softplus(x);
}

CN__PLAIN_CLASS(activation, softplus, "softplus", NULL, call_softplus)

static cn_tensor *call_softsign(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_softsign(x);
}

CN__PLAIN_CLASS(activation, softsign, "softsign", NULL, call_softsign)

static cn_tensor *call_hard_silu(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_hard_silu(x);
}

CN__PLAIN_CLASS(activation, hard_silu, "hard_silu", "hard_swish", call_hard_silu)

static cn_tensor *call_hard_tanh(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_hard_tanh(x);
}

CN__PLAIN_CLASS(activation, hard_tanh, "hard_tanh", NULL, call_hard_tanh)

static cn_tensor *call_log_sigmoid(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_log_sigmoid(x);
}

CN__PLAIN_CLASS(activation, log_sigmoid, "log_sigmoid", NULL, call_log_sigmoid)

static cn_tensor *call_sparse_plus(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_sparse_plus(x);
}

CN__PLAIN_CLASS(activation, sparse_plus, "sparse_plus", NULL, call_sparse_plus)

static cn_tensor *call_sparse_sigmoid(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_sparse_sigmoid(x);
}

CN__PLAIN_CLASS(activation, sparse_sigmoid, "sparse_sigmoid", NULL, call_sparse_sigmoid)

static cn_tensor *call_tanh_shrink(const cn_activation *self, cn_tensor *x)
{
    (void)self;
    return cn_tanh_shrink(x);
}

CN__PLAIN_CLASS(activation, tanh_shrink, "tanh_shrink", NULL, call_tanh_shrink)

/* Keras 3 changed the slope: relu6(x + 3) / 6 instead of clip(0.2 x + 0.5, 0, 1). */
static cn_tensor *call_hard_sigmoid(const cn_activation *self, cn_tensor *x)
{
    if (cn__is_keras3(self->base.keras)) {
        return cn_hard_sigmoid(x);
    }
    return cn_clip(cn_add(cn_multiply(x, 0.2), 0.5), 0, 1);
}

CN__PLAIN_CLASS(activation, hard_sigmoid, "hard_sigmoid", NULL, call_hard_sigmoid)
