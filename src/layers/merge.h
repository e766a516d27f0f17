/* What layers of several inputs share. */
#ifndef CN_LAYERS_MERGE_H
#define CN_LAYERS_MERGE_H

#include "layers/layer.h"

/* "[(2, 3, 4), (2, 3, 5)]"; the caller frees it. NULL if memory runs out. */
char *cn__shapes_text(const cn_shape *shapes, int n);
/* CN_EVALUE with these words and the shapes behind them. */
int cn__fail_shapes(const char *words, const cn_shape *shapes, int n);

#endif
