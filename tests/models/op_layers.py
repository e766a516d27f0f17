"""Writes op_layers.json: models with ops outside layers as tf_keras and Keras 3 write them.

"written": for each case of tests/models/test_op_layers.c the entries that are no InputLayer, and the
outputs; "read": whole files, their text as Keras writes it again, and their outputs.
Run with a Python that has tensorflow, tf_keras and keras: python op_layers.py > op_layers.json
"""
import json
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from keras import ops

X = np.array([[-1.5, 0.25, 2.0], [0.5, -0.75, 3.0]], "float32")
Y = np.array([[0.5, 1.25, -2.0], [2.0, 0.75, 1.0]], "float32")
C = [0.5, 0.1, 2.0]

# name: (tf_keras, Keras 3); None where that one has no such op
WRITTEN = {
    "add": (tf.add, ops.add), "subtract": (tf.subtract, ops.subtract),
    "multiply": (tf.multiply, ops.multiply), "divide": (tf.divide, ops.divide),
    "maximum": (tf.maximum, ops.maximum), "minimum": (tf.minimum, ops.minimum),
    "arctan2": (tf.atan2, ops.arctan2), "greater": (tf.greater, ops.greater),
    "equal": (tf.equal, ops.equal), "less_equal": (tf.less_equal, ops.less_equal),
    "floor_divide": (tf.math.floordiv, ops.floor_divide), "mod": (tf.math.floormod, ops.mod),
    "add_number": (lambda x, y: tf.add(x, 2), lambda x, y: ops.add(x, 2)),
    "multiply_tenth": (lambda x, y: tf.multiply(x, 0.1), lambda x, y: ops.multiply(x, 0.1)),
    "number_first": (lambda x, y: tf.subtract(2.0, x), lambda x, y: ops.subtract(2.0, x)),
    "power": (lambda x, y: tf.pow(x, 2), lambda x, y: ops.power(x, 2)),
    "add_constant": (lambda x, y: tf.add(x, tf.constant(C)),
                     lambda x, y: ops.add(x, ops.convert_to_tensor(np.array(C, "float32")))),
    "chain": (lambda x, y: tf.multiply(tf.multiply(x, 2.0), 3.0),
              lambda x, y: ops.multiply(ops.multiply(x, 2.0), 3.0)),
    "twice": (lambda x, y: tf.add(x, x), lambda x, y: ops.add(x, x)),
    "matmul": (lambda x, y: tf.matmul(x, tf.constant([[1.0], [2.0], [3.0]])),
               lambda x, y: ops.matmul(x, ops.convert_to_tensor(np.array([[1.0], [2.0], [3.0]], "float32")))),
    "sum": (lambda x, y: tf.reduce_sum(x, 1), lambda x, y: ops.sum(x, 1)),
    "sum_all": (lambda x, y: tf.reduce_sum(x), lambda x, y: ops.sum(x)),
    "mean": (lambda x, y: tf.reduce_mean(x, 1, keepdims=True), lambda x, y: ops.mean(x, 1, keepdims=True)),
    "max": (lambda x, y: tf.reduce_max(x, 1), lambda x, y: ops.max(x, 1)),
    "min": (lambda x, y: tf.reduce_min(x, 1), lambda x, y: ops.min(x, 1)),
    "prod": (lambda x, y: tf.reduce_prod(x, 1), lambda x, y: ops.prod(x, 1)),
    "logsumexp": (lambda x, y: tf.reduce_logsumexp(x, 1), lambda x, y: ops.logsumexp(x, 1)),
    "argmax": (lambda x, y: tf.argmax(x, 1), lambda x, y: ops.argmax(x, 1)),
    "cumsum": (lambda x, y: tf.cumsum(x, 1), lambda x, y: ops.cumsum(x, 1)),
    "sort": (lambda x, y: tf.sort(x, 1), lambda x, y: ops.sort(x, 1)),
    "argsort": (lambda x, y: tf.argsort(x, 1), lambda x, y: ops.argsort(x, 1)),
    "reshape": (lambda x, y: tf.reshape(x, [-1, 3, 1]), lambda x, y: ops.reshape(x, [-1, 3, 1])),
    "transpose": (lambda x, y: tf.transpose(x, [1, 0]), lambda x, y: ops.transpose(x, [1, 0])),
    "expand_dims": (lambda x, y: tf.expand_dims(x, 1), lambda x, y: ops.expand_dims(x, 1)),
    "squeeze": (lambda x, y: tf.squeeze(tf.expand_dims(x, 1), 1), lambda x, y: ops.squeeze(ops.expand_dims(x, 1), 1)),
    "concatenate": (lambda x, y: tf.concat([x, y], 1), lambda x, y: ops.concatenate([x, y], 1)),
    "stack": (lambda x, y: tf.stack([x, y], 1), lambda x, y: ops.stack([x, y], 1)),
    "slice": (lambda x, y: x[:, 1:3], lambda x, y: x[:, 1:3]),
    "slice_step": (lambda x, y: x[:, ::2], lambda x, y: x[:, ::2]),
    "tile": (lambda x, y: tf.tile(x, [1, 2]), lambda x, y: ops.tile(x, [1, 2])),
    "repeat": (lambda x, y: tf.repeat(x, 2, 1), lambda x, y: ops.repeat(x, 2, 1)),
    "flip": (lambda x, y: tf.reverse(x, [1]), lambda x, y: ops.flip(x, 1)),
    "roll": (lambda x, y: tf.roll(x, 2, 1), lambda x, y: ops.roll(x, 2, 1)),
    "pad": (lambda x, y: tf.pad(x, [[0, 0], [1, 2]]), lambda x, y: ops.pad(x, [[0, 0], [1, 2]])),
    "gather": (lambda x, y: tf.gather(x, tf.constant([0, 2]), axis=1),
               lambda x, y: ops.take(x, ops.convert_to_tensor(np.array([0, 2], "int32")), axis=1)),
    "cast": (lambda x, y: tf.cast(x, "int32"), lambda x, y: ops.cast(x, "int32")),
    "clip": (lambda x, y: tf.clip_by_value(x, -1.0, 1.0), lambda x, y: ops.clip(x, -1.0, 1.0)),
    "where": (lambda x, y: tf.where(tf.greater(x, 0), x, y), lambda x, y: ops.where(ops.greater(x, 0), x, y)),
    "leaky_relu": (lambda x, y: tf.nn.leaky_relu(x, 0.1), lambda x, y: ops.leaky_relu(x, 0.1)),
    "elu": (lambda x, y: tf.nn.elu(x), lambda x, y: ops.elu(x)),
    "gelu": (lambda x, y: tf.nn.gelu(x, approximate=False), lambda x, y: ops.gelu(x, False)),
    "softmax": (lambda x, y: tf.nn.softmax(x, axis=-1), lambda x, y: ops.softmax(x, axis=-1)),
    "log_softmax": (lambda x, y: tf.nn.log_softmax(x, axis=-1), lambda x, y: ops.log_softmax(x, axis=-1)),
    "stop_gradient": (lambda x, y: tf.stop_gradient(x), lambda x, y: ops.stop_gradient(x)),
    "hard_sigmoid": (None, lambda x, y: ops.hard_sigmoid(x)),
    "round": (lambda x, y: tf.round(x), lambda x, y: ops.round(x)),
}
UNARY = """negative abs square sqrt rsqrt reciprocal sign exp expm1 log log1p sin cos tan sinh cosh tanh
erf floor ceil relu relu6 sigmoid softplus softsign silu selu log_sigmoid isnan isfinite""".split()
IN_NN = "relu relu6 silu selu softsign".split()
RENAMED = {"isnan": "is_nan", "isfinite": "is_finite"}
for word in UNARY:
    two = getattr(tf.nn if word in IN_NN else tf.math, RENAMED.get(word, word))
    three = getattr(ops, word)
    WRITTEN[word] = (lambda x, y, f=two: f(x), lambda x, y, f=three: f(x))


def net2(a, b):
    d = tf_keras.layers.Dense(3, kernel_initializer="ones")
    h = tf.nn.relu(tf.add(d(a), d(b)) * 2.0)
    h = tf.concat([h, a], axis=-1)
    return tf_keras.layers.Dense(2, kernel_initializer="ones")(h[:, 1:3])


def net3(a, b):
    d = keras.layers.Dense(3, kernel_initializer="ones")
    h = ops.relu(ops.add(d(a), d(b)) * 2.0)
    h = ops.concatenate([h, a], axis=-1)
    return keras.layers.Dense(2, kernel_initializer="ones")(h[:, 1:3])


READ = {
    "operators": (lambda x, y: 2 - (x + 1) * y / 4.0 - x ** 2, lambda x, y: 2 - (x + 1) * y / 4.0 - x ** 2),
    "index": (lambda x, y: x[:, -1] + y[:, 0], lambda x, y: x[:, -1] + y[:, 0]),
    "ellipsis": (lambda x, y: x[..., ::-1], lambda x, y: x[..., ::-1]),
    "new_axis": (lambda x, y: x[:, None, 1:], lambda x, y: x[:, None, 1:]),
    "rows": (lambda x, y: x[1:], None),
    "split": (lambda x, y: tf.split(x, 3, axis=1)[2], lambda x, y: ops.split(x, 3, axis=1)[2]),
    "unstack": (lambda x, y: tf.unstack(x, axis=1)[1], None),
    "std": (lambda x, y: tf.math.reduce_std(x, 1), lambda x, y: ops.std(x, 1)),
    "var": (lambda x, y: tf.math.reduce_variance(x, 1), lambda x, y: ops.var(x, 1)),
    "squared_difference": (tf.math.squared_difference, None),
    "l2_normalize": (lambda x, y: tf.nn.l2_normalize(x, 1), lambda x, y: ops.normalize(x, 1)),
    "add_n": (lambda x, y: tf.add_n([x, y, x]), None),
    "backend": (lambda x, y: tf_keras.backend.mean(x, axis=1) + tf_keras.backend.sum(y, axis=[1], keepdims=False), None),
    "activations": (lambda x, y: tf_keras.activations.relu(x, alpha=0.1, max_value=6.0) + tf_keras.activations.gelu(y),
                    lambda x, y: keras.activations.relu(x, negative_slope=0.1, max_value=6.0) + keras.activations.gelu(y)),
    "array": (lambda x, y: x * [1.0, 2.0, 3.0], lambda x, y: x * np.array([1.0, 2.0, 3.0], "float32")),
    "keepdims": (lambda x, y: tf.reduce_max(x, axis=[1], keepdims=True), lambda x, y: ops.max(x, axis=(1,), keepdims=True)),
    "net": (net2, net3),
}


def model(k, f):
    k.backend.clear_session()
    x, y = k.Input((3,)), k.Input((3,))
    out = f(x, y)
    return k.Model([x, y], out)


def values(k, m):
    out = np.asarray(m([X, Y]))
    return [float(v) if np.isfinite(v) else None for v in out.astype("float64").ravel()]


result = {"x": X.tolist(), "y": Y.tolist(), "written": {}, "read": {}}
for kind, cases in (("written", WRITTEN), ("read", READ)):
    for name, pair in cases.items():
        result[kind][name] = {}
        for key, k, f in zip(("2", "3"), (tf_keras, keras), pair):
            if f is None:
                continue
            m = model(k, f)
            text = m.to_json()
            case = {"output": values(k, m)}
            if kind == "written":
                layers = json.loads(text)["config"]["layers"]
                case["layers"] = [l for l in layers if l["class_name"] != "InputLayer"]
            else:
                case["json"] = text
            result[kind][name][key] = case
print(json.dumps(result))
