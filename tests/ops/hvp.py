"""Makes tests/ops/hvp.h: a Hessian-vector product of a small net by TensorFlow, in float64.

    python tests/ops/hvp.py > tests/ops/hvp.h        (tensorflow-cpu 2.21)
"""
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(20)
x, y = rng.normal(size=(6, 4)), np.eye(3)[rng.integers(0, 3, 6)]
shapes = {"w1": (4, 5), "b1": (5,), "w2": (5, 3), "b2": (3,)}
weights = {k: rng.normal(size=s) * 0.5 for k, s in shapes.items()}
vectors = {k: rng.normal(size=s) for k, s in shapes.items()}
v = [tf.Variable(w) for w in weights.values()]
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        logits = tf.matmul(tf.tanh(tf.matmul(x, v[0]) + v[1]), v[2]) + v[3]
        loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, logits))
    g = inner.gradient(loss, v)
    dot = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(g, vectors.values())])
hvp = outer.gradient(dot, v)


def array(name, values):
    numbers = [repr(float(n)) for n in np.ravel(values)]
    lines, line = [], "   "
    for n in numbers:
        if len(line) + len(n) + 2 > 98:
            lines.append(line)
            line = "   "
        line += f" {n},"
    lines.append(line)
    print(f"static const double hvp_{name}[] = {{")
    print("\n".join(lines))
    print("};")


print("/* A Hessian-vector product by TensorFlow 2.21, made by hvp.py: loss and gradient of a net 4-5-3\n"
      " * with tanh and the softmax cross-entropy of 6 rows; vectors v_, products h_. */")
array("x", x)
array("y", y)
for k in shapes:
    array(k, weights[k])
for k in shapes:
    array("v_" + k, vectors[k])
for k, h in zip(shapes, hvp):
    array("h_" + k, h.numpy())
array("loss", [loss.numpy()])
