/* Cornu: Keras, in C. This header includes all others. */
#ifndef CORNU_H
#define CORNU_H

#include <cornu/activations.h>
#include <cornu/arrays.h>
#include <cornu/base.h>
#include <cornu/callbacks.h>
#include <cornu/classes.h>
#include <cornu/constraints.h>
#include <cornu/control.h>
#include <cornu/datasets.h>
#include <cornu/function.h>
#include <cornu/initializers.h>
#include <cornu/layers.h>
#include <cornu/linalg.h>
#include <cornu/losses.h>
#include <cornu/metrics.h>
#include <cornu/models.h>
#include <cornu/nn.h>
#include <cornu/ops.h>
#include <cornu/optimizers.h>
#include <cornu/plot.h>
#include <cornu/random.h>
#include <cornu/regularizers.h>
#include <cornu/tape.h>
#include <cornu/tensor.h>
#include <cornu/training.h>
#include <cornu/utils.h>

#endif
