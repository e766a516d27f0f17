/* What the instructions of a convolution block carry. */
#ifndef CN_GRAPH_CONV_EXTRA_H
#define CN_GRAPH_CONV_EXTRA_H

#include "graph/program.h"
#include "kernels/cpu/conv.h"

typedef struct cn__conv_extra {
    cn__block block;
    bool bias, dropout,
        winner; /* forward: inputs x, packed[, bias][, counter]; outputs y[, winner] */
    bool masked, dx,
        db;      /* gradient: inputs dy, x[, winner or y][, packed]; outputs [dx,] dw[, db] */
    int64_t key; /* of the dropout's draws */
    double rate;
} cn__conv_extra;

extern const cn__op cn__op_conv_pack, cn__op_conv_pack_data, cn__op_conv_unpack;
extern const cn__op cn__op_conv_block, cn__op_conv_block_gradient;

#endif
