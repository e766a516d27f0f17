/* Connectionist temporal classification: the probability of a label sequence under all its
 * alignments with the frames. */
#include "losses/loss.h"

#include <math.h>

#define NEVER                                                                                      \
    -1e30 /* the logarithm of a path that cannot be; finite, so that no gradient is NaN            \
           */

/* (batch, 2 n + 1): the labels with a blank (class 0) before, between and behind them. */
static cn_tensor *with_blanks(cn_tensor *labels, int64_t n)
{
    cn_tensor *blanks = cn_zeros_like(labels);
    cn_tensor *pairs = cn_stack(-1, blanks, labels);
    cn_tensor *flat = pairs ? cn_reshape(pairs, -1, 2 * n) : NULL;
    return flat ? cn_pad(flat, (const int64_t[]){0, 0}, (const int64_t[]){0, 1}, 0) : NULL;
}

/* x moved `by` states on, with `fill` at the first. */
static cn_tensor *moved(cn_tensor *x, int64_t by, int64_t states, double fill)
{
    cn_tensor *longer =
        x ? cn_pad(x, (const int64_t[]){0, by}, (const int64_t[]){0, 0}, fill) : NULL;
    return longer ? cn_slice(longer, 1, 0, states, 1) : NULL;
}

/* Frame t of (batch, frames, states). */
static cn_tensor *frame(cn_tensor *x, int64_t t)
{
    cn_tensor *one = x ? cn_slice(x, 1, t, t + 1, 1) : NULL;
    return one ? cn_squeeze(one, 1) : NULL;
}

/* The logarithm of the sum of all paths that end in each state after the last frame: a path stays,
 * goes to the next state, or leaves out a blank between two different labels (`skips`). */
static cn_tensor *forward(cn_tensor *scores, cn_tensor *skips, int64_t frames, int64_t states)
{
    cn_tensor *alpha = NULL;
    for (int64_t t = 0; t < frames && !cn_error(); t++) {
        cn_tensor *now = frame(scores, t);
        if (t == 0) {
            cn_tensor *first = cn_less(cn_arange(0, (double)states, 1, CN_INT32), 2);
            alpha = cn_where(first, now, NEVER);
            continue;
        }
        cn_tensor *jump = cn_where(skips, moved(alpha, 2, states, NEVER), NEVER);
        cn_tensor *ways = cn_stack(-1, alpha, moved(alpha, 1, states, NEVER), jump);
        alpha = cn_add(cn_logsumexp(ways, .axis = {-1}), now);
    }
    return alpha;
}

static bool shapes_fit(const cn_tensor *y_true, const cn_tensor *y_pred)
{
    char text[256];
    if (y_true->shape.rank != 2) {
        cn__fail(CN_EVALUE,
                 "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` "
                 "in integer format. Received: y_true.shape=%s",
                 cn__shape_text(&y_true->shape, text, sizeof text));
    } else if (y_pred->shape.rank != 3) {
        cn__fail(CN_EVALUE,
                 "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, "
                 "num_classes)`. Received: y_pred.shape=%s",
                 cn__shape_text(&y_pred->shape, text, sizeof text));
    } else if (y_true->shape.dim[1] < 0 || y_pred->shape.dim[1] < 1 || y_pred->shape.dim[2] < 1) {
        cn__fail(CN_EVALUE, "ctc: the numbers of labels, frames and classes must be known");
    }
    return !cn_error();
}

static cn_tensor *ctc(const cn_loss *self, cn_tensor *y_true, cn_tensor *y_pred)
{
    (void)self;
    if (!shapes_fit(y_true, y_pred)) {
        return NULL;
    }
    int64_t n = y_true->shape.dim[1], states = 2 * n + 1;
    cn_tensor *labels = cn_cast(y_true, CN_INT32);
    cn_tensor *path = with_blanks(labels, n);
    cn_tensor *hot = path ? cn_one_hot(path, y_pred->shape.dim[2], y_pred->dtype) : NULL;
    cn_tensor *scores = hot ? cn_matmul_t(cn_log_softmax(y_pred, -1), hot, false, true) : NULL;
    cn_tensor *skips =
        cn_logical_and(cn_not_equal(path, 0), cn_not_equal(path, moved(path, 2, states, 0)));
    cn_tensor *alpha = forward(scores, skips, y_pred->shape.dim[1], states);
    /* A label sequence may end with its last label or with the blank behind it; labels of 0 pad it.
     */
    cn_tensor *length = cn__last_sum(cn_cast(cn_not_equal(labels, 0), CN_INT32));
    cn_tensor *last = cn_expand_dims(cn_multiply(length, 2), -1);
    cn_tensor *state = cn_arange(0, (double)states, 1, CN_INT32);
    cn_tensor *ends = cn_logical_or(cn_equal(state, last), cn_equal(state, cn_subtract(last, 1)));
    cn_tensor *total = cn_logsumexp(cn_where(ends, alpha, NEVER), .axis = {-1});
    return cn_where(cn_less(total, NEVER / 10), INFINITY, cn_negative(total));
}

CN__LOSS_PLAIN(ctc, "CTC", NULL)
