/* Losses of differences: squared, absolute, relative, logarithmic, Huber, log-cosh. */
#include "losses/loss.h"

#define EPSILON 1e-7

/* (y - p)^2 */
static cn_tensor *mean_squared_error(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(cn_square(cn_subtract(cn__like(y, p), p)));
}

static cn_tensor *mean_absolute_error(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(cn_abs(cn_subtract(cn__like(y, p), p)));
}

static cn_tensor *mean_absolute_percentage_error(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    y = cn__like(y, p);
    cn_tensor *scale = cn_maximum(cn_abs(y), EPSILON);
    return cn_multiply(100.0, cn__last_mean(cn_abs(cn_divide(cn_subtract(y, p), scale))));
}

static cn_tensor *log_of(cn_tensor *x)
{
    return cn_log(cn_add(cn_maximum(x, EPSILON), 1.0));
}

static cn_tensor *mean_squared_logarithmic_error(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    return cn__last_mean(cn_square(cn_subtract(log_of(p), log_of(cn__like(y, p)))));
}

/* log(cosh(x)) = x + softplus(-2 x) - log 2, without the overflow of cosh. */
static cn_tensor *log_cosh(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    (void)self;
    cn_tensor *x = cn_subtract(p, cn__like(y, p));
    cn_tensor *tail = cn_softplus(cn_multiply(x, -2.0));
    return cn__last_mean(cn_subtract(cn_add(x, tail), 0.69314718055994530942));
}

static cn_tensor *huber(const cn_loss *self, cn_tensor *y, cn_tensor *p)
{
    const cn_loss_huber_args *a = self->base.args;
    cn_tensor *error = cn_subtract(p, cn__like(y, p));
    cn_tensor *size = cn_abs(error);
    double delta = (float)a->delta;
    cn_tensor *near = cn_multiply(0.5, cn_square(error));
    cn_tensor *far = cn_subtract(cn_multiply(delta, size), 0.5 * delta * delta);
    return cn__last_mean(cn_where(cn_less_equal(size, delta), near, far));
}

static const cn_field huber_fields[] = {CN_FIELD(cn_loss_huber_args, DOUBLE, delta), {0}};

CN__LOSS_PLAIN(mean_squared_error, "MeanSquaredError", "mse MSE")
CN__LOSS_PLAIN(mean_absolute_error, "MeanAbsoluteError", "mae MAE")
CN__LOSS_PLAIN(mean_absolute_percentage_error, "MeanAbsolutePercentageError", "mape MAPE")
CN__LOSS_PLAIN(mean_squared_logarithmic_error, "MeanSquaredLogarithmicError", "msle MSLE")
CN__LOSS_PLAIN(log_cosh, "LogCosh", "logcosh")
CN__LOSS_RECORD(huber, "Huber", "huber_loss", CN_LOSS_HUBER_DEFAULTS)
