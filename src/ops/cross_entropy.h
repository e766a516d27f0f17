/* The fused cross-entropies of logits, for the losses: stable, with the gradients p - y. */
#ifndef CN_OPS_CROSS_ENTROPY_H
#define CN_OPS_CROSS_ENTROPY_H

#include <cornu/tensor.h>

/* max(z, 0) - z y + log(1 + exp(-|z|)) for every element: logits z and labels y, broadcast
 * (tf.nn.sigmoid_cross_entropy_with_logits). */
cn_tensor *cn__sigmoid_cross_entropy(cn_tensor *logits, cn_tensor *labels);
/* -sum(y log(softmax(z))) over the last axis, which is dropped; labels are probabilities of the
 * logits' shape. The gradient of the logits is softmax(z) - y as in TensorFlow, which takes it for
 * granted that y sums to 1. */
cn_tensor *cn__softmax_cross_entropy(cn_tensor *logits, cn_tensor *labels);
/* -log(softmax(z))[label] over the last axis; labels are class numbers of the logits' shape without
 * it (floats are cut to integers). A label out of range is CN_EINDEX. */
cn_tensor *cn__sparse_softmax_cross_entropy(cn_tensor *logits, cn_tensor *labels);

#endif
