/* The readers of ops in files: each applies one op to what its call says. */
#ifndef CN_LAYERS_OP_READING_H
#define CN_LAYERS_OP_READING_H

#include "layers/op_words.h"
#include "ops/op.h"

#if CN__HAVE_JANSSON
#define CN__OP_READER_MAP(XX)                                                                      \
    XX(round)                                                                                      \
    XX(sum)                                                                                        \
    XX(mean) XX(max) XX(min) XX(prod) XX(any) XX(all) XX(logsumexp) XX(std) XX(var) XX(argmax)     \
        XX(argmin) XX(cumsum) XX(cumprod) XX(softmax) XX(log_softmax) XX(sparsemax) XX(glu)        \
            XX(sort) XX(argsort) XX(flip) XX(roll) XX(repeat) XX(tile) XX(top_k) XX(tril) XX(triu) \
                XX(one_hot) XX(gather) XX(pad) XX(reshape) XX(expand_dims) XX(squeeze)             \
                    XX(transpose) XX(broadcast_to) XX(concatenate) XX(stack) XX(get_item)          \
                        XX(matmul) XX(where) XX(cast) XX(clip) XX(leaky_relu) XX(elu) XX(celu)     \
                            XX(gelu) XX(hard_shrink) XX(soft_shrink) XX(threshold) XX(squareplus)  \
                                XX(relu_general) XX(split) XX(unstack) XX(squared_difference)      \
                                    XX(add_n) XX(normalize)
#define XX(name) cn_tensor *cn__op_read_##name(cn__op_reading *r);
CN__OP_READER_MAP(XX)
#undef XX

/* An argument of the call by its place and its keys; NULL if there is none. */
const json_t *cn__op_arg(const cn__op_reading *r, int place, const char *two, const char *three);
/* A tensor of the call: an input, or a constant; NULL and an error otherwise. */
cn_tensor *cn__op_tensor(const cn__op_reading *r, const json_t *value);
/* CN_EUNSUPPORTED in the name of the layer. */
int cn__op_refuse(const cn__op_reading *r, const char *what);
#endif

#endif
