/* What convolutions, pooling, padding and their kin share: tuples, formats, lengths, channels. */
#ifndef CN_LAYERS_SPATIAL_H
#define CN_LAYERS_SPATIAL_H

#include "layers/layer.h"

/* Replaces a tuple argument by its n numbers, each at least `least` (0 or 1), or an error in
 * Keras's words. */
int cn__spatial_tuple(const cn_layer *layer, cn_ints *tuple, int n, const char *argument,
                      int64_t least);
/* "(3, 3, 3)", or "3" for one number that stands alone; `text` of at least 256 bytes; returns it.
 */
char *cn__ints_text(const cn_ints *tuple, char *text, size_t size);
/* Checks "channels_last" or "channels_first" and puts cn_image_data_format() where it is NULL. */
int cn__spatial_format(const cn_layer *layer, const char **format);
/* Checks "valid", "same" and, where allowed, "causal". */
int cn__spatial_padding(const cn_layer *layer, const char *padding, bool causal_allowed);

bool cn__channels_first(const char *format);
/* The axis of the channels, and that of the first spatial length. */
static inline int cn__channel_axis(const char *format, int rank)
{
    return cn__channels_first(format) ? 1 : rank - 1;
}
static inline int cn__spatial_axis(const char *format)
{
    return cn__channels_first(format) ? 2 : 1;
}
/* Moves the channels to the end, and back to axis 1; NULL gives NULL. */
cn_tensor *cn__channels_to_end(cn_tensor *x);
cn_tensor *cn__channels_to_front(cn_tensor *x);

/* The tensor in the dtype that the layer computes in; NULL gives NULL. */
cn_tensor *cn__compute_cast(const cn_layer *layer, cn_tensor *t);
/* How many windows fit; -1 for a length that is not known; 0 or less if none does. */
int64_t cn__windows(int64_t length, int64_t size, int64_t stride, int64_t dilation,
                    const char *padding);

/* A convolution's arguments, whatever the class. */
typedef struct cn__conv_form {
    int n; /* spatial axes */
    cn_ints *kernel_size, *strides, *dilation_rate;
    const char **padding, **data_format;
} cn__conv_form;
/* Checks and expands them; whether strides may stand beside dilation is the class's. */
int cn__conv_check(const cn_layer *layer, const cn__conv_form *form, bool causal_allowed,
                   bool exclusive);
int cn__conv_positive(const char *argument, int64_t value);
/* The channels of an input; an error if they are not known. */
int64_t cn__conv_channels(const cn__conv_form *form, const cn_shape *input);
/* The output of input and kernel (size…, …): checked, in Keras's words. */
int cn__conv_shape(const cn_layer *layer, const cn__conv_form *form, const cn_shape *input,
                   const cn_shape *kernel, int64_t filters, cn_shape *output);
/* Notes the channels that later inputs must have. */
int cn__conv_rule(cn_layer *layer, const cn__conv_form *form, int64_t channels);
/* activation(y + bias), with the channels of y at the end until here. bias may be NULL. */
cn_tensor *cn__conv_finish(const cn_layer *layer, const char *format, cn_tensor *y, cn_tensor *bias,
                           const void *activation);

#endif
