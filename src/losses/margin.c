/* Losses of margins and distributions: hinges, Kullback-Leibler, Poisson. */
#include "losses/loss.h"

#define EPSILON 1e-7

/* Labels 0 and 1 become -1 and 1, if there are no others in the whole batch. */
static cn_tensor *signs(cn_tensor *y)
{
    cn_tensor *binary = cn_all(cn_logical_or(cn_equal(y, 0.0), cn_equal(y, 1.0)));
    return cn_where(binary, cn_subtract(cn_multiply(2.0, y), 1.0), y);
}

static cn_tensor *margin(cn_tensor *y, cn_tensor *p)
{
    return cn_maximum(cn_subtract(1.0, cn_multiply(signs(cn__like(y, p)), p)), 0.0);
}

static cn_tensor *hinge(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(margin(y, p));
}

static cn_tensor *squared_hinge(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(cn_square(margin(y, p)));
}

static cn_tensor *categorical_hinge(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    y = cn__like(y, p);
    cn_tensor *positive = cn__last_sum(cn_multiply(y, p));
    cn_tensor *negative =
        cn_max_axes(cn_multiply(cn_subtract(1.0, y), p), 1, (const int64_t[]){-1}, false);
    return cn_maximum(cn_add(cn_subtract(negative, positive), 1.0), 0.0);
}

static cn_tensor *kl_divergence(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    y = cn_clip(cn__like(y, p), EPSILON, 1);
    p = cn_clip(p, EPSILON, 1);
    return cn__last_sum(cn_multiply(y, cn_log(cn_divide(y, p))));
}

static cn_tensor *poisson(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(cn_subtract(p, cn_multiply(cn__like(y, p), cn_log(cn_add(p, EPSILON)))));
}

CN__LOSS_PLAIN(hinge, "Hinge", NULL)
CN__LOSS_PLAIN(squared_hinge, "SquaredHinge", NULL)
CN__LOSS_PLAIN(categorical_hinge, "CategoricalHinge", NULL)
CN__LOSS_PLAIN(kl_divergence, "KLDivergence", "kld KLD kullback_leibler_divergence")
CN__LOSS_PLAIN(poisson, "Poisson", NULL)
