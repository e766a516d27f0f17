/* Blocks of elements of any dtype, brought to one of the four types that reference kernels compute
 * in. */
#ifndef CN_KERNELS_REFERENCE_BLOCK_H
#define CN_KERNELS_REFERENCE_BLOCK_H

#include "core/op.h"

/* float16 and bfloat16 are computed in float, narrow integers in 64 bits of their signedness (so
 * that cutting the result off wraps as the narrow type would), bool as an unsigned number. */
typedef enum cn__class {
    CN__CLASS_F32,
    CN__CLASS_F64,
    CN__CLASS_I64,
    CN__CLASS_U64,
    CN__CLASS_COUNT
} cn__class;

enum {
    CN__BLOCK = 512,          /* elements of a buffer */
    CN__UNIT_ELEMENTS = 65536 /* output elements of a unit of elementwise kernels */
};

/* Room for a block of any class. */
typedef union cn__block {
    float f32[CN__BLOCK];
    double f64[CN__BLOCK];
    int64_t i64[CN__BLOCK];
    uint64_t u64[CN__BLOCK];
} cn__block;

cn__class cn__class_of(cn_dtype dtype);
size_t cn__class_size(cn__class class);
/* Whether elements of the dtype are stored as the class computes, so that loops can run on them in
 * place. */
bool cn__class_direct(cn__class class, cn_dtype dtype);

/* Elements [index, index + n) of `data` as the class: a pointer into `data` if no change is needed,
 * else `buffer`, filled. Floats go to F32 or F64, integers to their own class or to F64. */
const void *cn__block_load(cn__class class, cn_dtype dtype, const void *data, int64_t index,
                           int64_t n, void *buffer);
/* Elements index, index + stride, … : always copied. */
void cn__block_gather(cn__class class, cn_dtype dtype, const void *data, int64_t index,
                      int64_t stride, int64_t n, void *buffer);
/* Where a loop should put elements from `index` on: into `data` itself or into `buffer`, for
 * cn__block_store. */
void *cn__block_target(cn__class class, cn_dtype dtype, void *data, int64_t index, void *buffer);
/* Writes n elements of the class to `data`; nothing to do if they are there already. */
void cn__block_store(cn__class class, cn_dtype dtype, const void *buffer, void *data, int64_t index,
                     int64_t n);
void cn__block_scatter(cn__class class, cn_dtype dtype, const void *buffer, void *data,
                       int64_t index, int64_t stride, int64_t n);

/* The elements of an argument, whose shape is known. */
int64_t cn__arg_size(const cn__arg *arg);
/* Units of kernels that split their output into blocks of CN__UNIT_ELEMENTS. */
int64_t cn__block_units(const cn__call *call);
/* CN_ETYPE: the op has no meaning for the dtype. */
int cn__no_dtype(const cn__call *call, cn_dtype dtype);

#endif
