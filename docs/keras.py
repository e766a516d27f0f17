#!/usr/bin/env python3
"""Writes docs/keras.md from the lists, records and headers; --check says whether it is out of date."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/keras.md"
KINDS = {
    "LAYER": ("Layers", "keras.layers"),
    "ACTIVATION": ("Activations", "keras.activations"),
    "LOSS": ("Losses", "keras.losses"),
    "METRIC": ("Metrics", "keras.metrics"),
    "OPTIMIZER": ("Optimizers", "keras.optimizers"),
    "SCHEDULE": ("Learning-rate schedules", "keras.optimizers.schedules"),
    "INITIALIZER": ("Initializers", "keras.initializers"),
    "REGULARIZER": ("Regularizers", "keras.regularizers"),
    "CONSTRAINT": ("Constraints", "keras.constraints"),
    "CALLBACK": ("Callbacks", "keras.callbacks"),
}
# Functions whose Keras (or TensorFlow, or Python) counterpart is not told by their name.
SPECIAL = {
    "cn_input": "keras.Input",
    "cn_sequential": "keras.Sequential",
    "cn_functional": "keras.Model(inputs, outputs)",
    "cn_model_new": "a subclass of keras.Model",
    "cn_layer_new": "a subclass of keras.layers.Layer",
    "cn_call": "layer(x), model(x)",
    "cn_model_layer": "Model.layers[i], Model.get_layer(index=i)",
    "cn_model_n_layers": "len(Model.layers)",
    "cn_model_input": "Model.inputs[i]",
    "cn_model_output": "Model.outputs[i]",
    "cn_model_n_outputs": "len(Model.outputs)",
    "cn_model_metrics_name": "Model.metrics_names[i]",
    "cn_model_stop_training": "Model.stop_training = True",
    "cn_model_stops_training": "Model.stop_training",
    "cn_model_set_trainable": "Model.trainable = …",
    "cn_model_clone": "keras.models.clone_model",
    "cn_model_from_json": "keras.models.model_from_json",
    "cn_model_compile_json": "Model.compile_from_config",
    "cn_model_layer_output": "Model.get_layer(name).output",
    "cn_custom_gradient": "tf.custom_gradient",
    "cn_model_predict_on_batch": "Model.predict_on_batch",
    "cn_layer_weight": "Layer.weights[i]",
    "cn_layer_set_trainable": "Layer.trainable = …",
    "cn_layer_class_name": "type(layer).__name__",
    "cn_register_layer": "keras.saving.register_keras_serializable",
    "cn_tape_begin": "tf.GradientTape",
    "cn_tape_end": "GradientTape.__exit__",
    "cn_tape_gradients_with": "GradientTape.gradient (lists)",
    "cn_variable": "keras.Variable, tf.Variable",
    "cn_assign": "Variable.assign",
    "cn_assign_add": "Variable.assign_add",
    "cn_assign_sub": "Variable.assign_sub",
    "cn_array": "keras.ops.array, numpy.array",
    "cn_scalar": "keras.ops.array of a number",
    "cn_concatenate": "keras.ops.concatenate",
    "cn_rows": "x[start:stop]",
    "cn_slice": "x[:, start:stop:step] along one axis",
    "cn_matmul_t": "tf.matmul(transpose_a, transpose_b)",
    "cn_transpose": "keras.ops.transpose",
    "cn_reshape": "keras.ops.reshape",
    "cn_stack": "keras.ops.stack",
    "cn_split": "keras.ops.split, one part",
    "cn_gather": "keras.ops.take",
    "cn_scatter_add": "tf.tensor_scatter_nd_add along axis 0",
    "cn_relu_general": "keras.activations.relu with its arguments",
    "cn_cond": "keras.ops.cond",
    "cn_while_loop": "keras.ops.while_loop",
    "cn_tensor_string": "str(x), as numpy prints",
    "cn_tensor_format": "str(x), as numpy prints",
    "cn_tensor_item": "x.flat[i]",
    "cn_tensor_value": "float(x)",
    "cn_tensor_shape": "x.shape",
    "cn_tensor_dim": "x.shape[axis]",
    "cn_tensor_rank": "x.ndim",
    "cn_tensor_size": "x.size",
    "cn_tensor_dtype": "x.dtype",
    "cn_tensor_name": "x.name",
    "cn_tensor_data": "x.numpy()",
    "cn_format_double": "repr(float)",
    "cn_history_get": "History.history[name]",
    "cn_history_name_at": "list(History.history)[i]",
    "cn_history_count": "len(History.history)",
    "cn_history_epochs": "History.epoch",
    "cn_history_json": "json.dumps(History.history)",
    "cn_callback_model": "Callback.model",
    "cn_callback_parameters": "Callback.params",
    "cn_callback_new": "a subclass of keras.callbacks.Callback",
    "cn_logs_get": "logs.get(name, otherwise)",
    "cn_logs_has": "name in logs",
    "cn_logs_set": "logs[name] = value",
    "cn_logs_count": "len(logs)",
    "cn_logs_name_at": "list(logs)[i]",
    "cn_logs_value_at": "list(logs.values())[i]",
    "cn_optimizer_learning_rate": "Optimizer.learning_rate",
    "cn_optimizer_set_learning_rate": "Optimizer.learning_rate = …",
    "cn_optimizer_finalize": "Optimizer.finalize_variable_values",
    "cn_optimizer_new": "a subclass of keras.optimizers.Optimizer",
    "cn_loss_new": "a subclass of keras.losses.Loss",
    "cn_loss_call": "Loss.__call__",
    "cn_loss_values": "Loss.call",
    "cn_loss_from": "a function as loss",
    "cn_metric_new": "a subclass of keras.metrics.Metric",
    "cn_metric_update": "Metric.update_state",
    "cn_metric_reset": "Metric.reset_state",
    "cn_metric_from": "a function as metric (MeanMetricWrapper)",
    "cn_metric_from_loss": "a loss as metric",
    "cn_metric_variable": "Metric.variables[i]",
    "cn_schedule_new": "a subclass of LearningRateSchedule",
    "cn_schedule_call": "LearningRateSchedule.__call__",
    "cn_to_categorical": "keras.utils.to_categorical",
    "cn_normalize": "keras.utils.normalize",
    "cn_load_npy": "numpy.load",
    "cn_save_npy": "numpy.save",
    "cn_load_npz": "numpy.load",
    "cn_load_npz_array": "numpy.load(path)[key]",
    "cn_save_npz": "numpy.savez",
    "cn_load_csv": "numpy.loadtxt",
    "cn_save_csv": "numpy.savetxt",
    "cn_dataset_mnist": "keras.datasets.mnist.load_data",
    "cn_dataset_fashion_mnist": "keras.datasets.fashion_mnist.load_data",
    "cn_plot": "matplotlib.pyplot.plot",
    "cn_plot_images": "matplotlib.pyplot.imshow",
    "cn_set_random_seed": "keras.utils.set_random_seed",
    "cn_clear_session": "keras.backend.clear_session",
    "cn_epsilon": "keras.config.epsilon",
    "cn_image_data_format": "keras.config.image_data_format",
    "cn_set_image_data_format": "keras.config.set_image_data_format",
    "cn_set_num_threads": "tf.config.threading.set_intra_op_parallelism_threads",
    "cn_qr": "keras.ops.qr",
    "cn_image_resize": "keras.ops.image.resize",
    "cn_sum_pool": "— (the sum of each window)",
    "cn_function": "tf.function",
    "cn_function_call": "a tf.function called",
    "cn_function_run": "a tf.function called (several outputs)",
    "cn_function_traces": "Function.experimental_get_tracing_count",
    "cn_placeholder": "tf.compat.v1.placeholder",
    "cn_graph_begin": "tf.Graph().as_default()",
    "cn_graph_end": "the end of with Graph.as_default()",
    "cn_graph_run": "tf.compat.v1.Session.run",
    "cn_lgamma": "tf.math.lgamma",
    "cn_digamma": "tf.math.digamma",
    "cn_mish": "keras.activations.mish",
    "cn_random_bernoulli": "keras.random.binomial with one trial",
}
METHODS = {
    "cn_model_": "Model.",
    "cn_layer_": "Layer.",
    "cn_tape_": "GradientTape.",
    "cn_optimizer_": "Optimizer.",
    "cn_metric_": "Metric.",
    "cn_random_": "keras.random.",
}
# What C needs and Keras does not have: in a list of its own, without a counterpart.
NO_COUNTERPART = re.compile(
    r"cn_(error|error_code|error_clear|fail|scope_\w+|keep\w*|hold\w*|free|set_allocator|version|keras|set_keras|none_float|"
    r"num_threads|tuple\w*|shape_\w+|dtype_\w+|tensor_\w+|list|set_output|set_download_progress|dataset_load|dataset_names|"
    r"load_array|load_arrays|load_idx|plot_\w+|dataset|call_output|\w+_arguments|\w+_state|\w+_axes|register_\w+|\w+_of|"
    r"\w+_get|\w+_name|\w+_from|\w+_new|\w+_call|\w+_value|model_predict_into|model_as_layer|model_add_object|model_from_json_file|"
    r"layer_call_with|layer_from_config|layer_weight_named|layer_track|metric_add_variable|optimizer_scalar|optimizer_built|"
    r"broadcast_to|reshape_to)")


def text(path):
    return (ROOT / path).read_text(encoding="utf8")


def list_of(kind):
    found = re.search(rf"#define CN__{kind}_MAP\(XX\)((?:.*\\\n)*.*)", text("src/core/classlist.h"))
    return re.findall(r"XX\((\w+)\)", found.group(1))


def sources():
    return "\n".join(p.read_text(encoding="utf8") for p in sorted((ROOT / "src").rglob("*.c")))


def keras_names(kind, code):
    """word -> Keras's class name, from the macros of the records."""
    low = kind.lower()
    names = {}
    for word, name in re.findall(rf"CN__{kind}_CLASS\((\w+), \w+, \"(\w+)\"", code):
        names[word] = name
    for word, name in re.findall(rf"CN__(?:PLAIN_)?CLASS\({low},\s*(\w+),\s*\"(\w+)\"", code):
        names[word] = name
    for word, name in re.findall(rf"CN__{kind}_(?:RECORD|PLAIN|\w+)\((\w+),\s*\"(\w+)\"", code):
        names[word] = name
    for word, body in re.findall(rf"cn__{low}_(\w+) = \{{([^;]*?)\}};", code, re.S):
        found = re.search(r"(?:\.name = |BASE\(\s*)\"(\w+)\"", body)
        if found:
            names[word] = found.group(1)
    for word, name in re.findall(r"\b[A-Z_]+\((\w+),(?:\s*\w+,)*\s*\"(\w+)\"", code):
        names.setdefault(word, name)
    return names


def headers():
    return "\n".join(p.read_text(encoding="utf8") for p in sorted((ROOT / "include/cornu").glob("*.h")))


def public_names(header):
    names = set(re.findall(r"#define (cn_[a-z0-9_]+)\b", header))
    names |= set(re.findall(r"CN_API[^;{=]*?\(?\b(cn_[a-z0-9_]+)\)?\(", header))
    names -= set(re.findall(r"#define (cn_[a-z0-9_]+) cn_[a-z0-9_]+\n", header))  # a second word for the same thing
    names |= {"cn_" + n for n in re.findall(r"XX\((\w+)\)", re.search(r"CN_UNARY_OP_MAP\(XX\)(?:.*\\\n)*.*", header).group(0))}
    return names


def class_names(kind, word, public):
    low = kind.lower()
    if kind == "LAYER":
        tries = [f"cn_{word}_layer", f"cn_{word}"]
    else:
        tries = [f"cn_{low}_{word}"]
    return next((t for t in tries if t in public), None)


def camel(word):
    """max_pooling2d -> MaxPooling2D: for records that a macro names."""
    return re.sub(r"(\d)d(?=[A-Z]|$)", r"\1D", "".join(w[:1].upper() + w[1:] for w in word.split("_")))


def table(rows):
    lines = ["| Keras | Cornu |", "|---|---|"]
    return "\n".join(lines + [f"| {a} | `{b}` |" for a, b in rows])


def counterpart(name):
    if name in SPECIAL:
        return SPECIAL[name]
    if NO_COUNTERPART.fullmatch(name):
        return None
    for prefix, whose in METHODS.items():
        if name.startswith(prefix):
            return whose + name[len(prefix):]
    return "keras.ops." + name[3:]


def page():
    header, code = headers(), sources()
    public, used, parts = public_names(header), set(), []
    parts.append(INTRODUCTION)
    for kind, (title, module) in KINDS.items():
        names, rows = keras_names(kind, code), []
        for word in list_of(kind):
            c = class_names(kind, word, public)
            if not c or f"{c}(" not in header:
                continue
            used.add(c)
            name = names.get(word) or (word if kind == "ACTIVATION" else camel(word))
            rows.append((f"— ({name})" if name.startswith("SumPooling") else f"{module}.{name}", c))
        if rows:
            parts.append(f"## {title}\n\n" + table(sorted(rows, key=lambda r: r[0].lower())))
    groups = {"Models and training": [], "Layers as objects": [], "Gradients, variables, functions": [], "Optimizers, losses, metrics, callbacks as "
              "objects": [], "Ops": [], "Random numbers": [], "Data, files, pictures": [], "Settings": []}
    rest = []
    for name in sorted(public - used):
        if name.endswith(("_with", "_defaults")) and name not in SPECIAL or name.startswith("cn__"):
            continue
        if any(re.search(rf"\bcn_{k.lower()} \*{name}_with\(", header) for k in KINDS):
            continue  # a class that is declared and in no list: it is still being made
        keras = counterpart(name)
        if keras is None:
            rest.append(name)
            continue
        groups[group_of(name, keras)].append((keras, name))
    for title, rows in groups.items():
        if rows:
            parts.append(f"## {title}\n\n" + table(sorted(rows, key=lambda r: r[0].lower())))
    parts.append("## Without a counterpart\n\nWhat a C library needs besides; each is described where it is declared.\n\n" +
                 "\n".join(wrapped(", ".join(f"`{n}`" for n in rest))))
    return "\n\n".join(parts) + "\n"


def group_of(name, keras):
    if name.startswith(("cn_model_", "cn_sequential", "cn_functional", "cn_input", "cn_history")) or name == "cn_call":
        return "Models and training"
    if name.startswith(("cn_layer_", "cn_register_layer")):
        return "Layers as objects"
    if name.startswith(("cn_tape", "cn_assign", "cn_variable", "cn_function", "cn_graph", "cn_placeholder")):
        return "Gradients, variables, functions"
    if name.startswith(("cn_optimizer", "cn_loss", "cn_metric", "cn_callback", "cn_schedule", "cn_logs_")):
        return "Optimizers, losses, metrics, callbacks as objects"
    if name.startswith("cn_random"):
        return "Random numbers"
    if name.startswith(("cn_load", "cn_save", "cn_dataset", "cn_plot", "cn_to_cat", "cn_normalize")):
        return "Data, files, pictures"
    return "Settings" if ".config." in keras or name in ("cn_set_random_seed", "cn_clear_session") else "Ops"


def wrapped(line, width=120):
    lines, now = [], ""
    for word in line.split(" "):
        if now and len(now) + 1 + len(word) > width:
            lines.append(now)
            now = word
        else:
            now = f"{now} {word}" if now else word
    return lines + [now]


INTRODUCTION = """# From Keras's names to Cornu's

Made by `docs/keras.py` from the lists and headers; do not edit. What is not here does not exist yet.

A class's arguments keep their Keras names: `keras.layers.Dense(8, activation="relu")` is `cn_dense(8, .activation = "relu")`. A method
carries its object's type. Behind `cn_name(…)` with keyword arguments stands the plain function `cn_name_with(&args)` and the
constant `cn_name_defaults`. Names that Keras gives a class in strings (`"mse"`, `"adam"`, `"he_normal"`) work wherever an identifier is
taken; `cornu list losses` and so on print the class names."""


def main():
    wanted = page()
    if "--check" in sys.argv[1:]:
        same = PAGE.exists() and PAGE.read_text(encoding="utf8") == wanted
        print("docs/keras.md is " + ("up to date" if same else "out of date: run docs/keras.py"))
        return 0 if same else 1
    PAGE.write_text(wanted, encoding="utf8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
