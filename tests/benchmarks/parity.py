"""Parity with the published code, measured on the golden files: ``make parity``.

A line for every network and quantity: the largest difference as a share of the largest published value, and the
tolerance of the tests. Nothing is fetched: ``tests/golden`` has outputs of the published code on fixed weights and
inputs. The Noether video network has no golden file; its tests hold it against a reference.
Exit code 1 where a difference is above its tolerance.
"""

import argparse
import ast
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from hardware import describe, show

from fernn.models.dynamics.scaling import scale_levels
from fernn.reference import from_reference, published_dynamics, renamed

sys.path.append(str(Path(__file__).parents[2]))
from tests.support.eidetic import NETWORKS, compared_eidetic
from tests.support.golden import GOLDEN, drawn, golden, part

OUTPUTS, GRADIENTS = 1e-5, 1e-4
VELOCITIES = ("v_list_vy_vx", "v_list_vx_vy", "v_list_degrees")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    as_json = parser.parse_args().json
    rows = [row for path in sorted(GOLDEN.glob("*.safetensors")) for row in rows_of(path.stem)]
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        lines = [row | {"difference": f"{row['difference']:.1e}", "tolerance": f"{row['tolerance']:g}"} for row in rows]
        show("Parity with the published code", lines, describe("torch", "escnn"))
    return int(any(not row["difference"] <= row["tolerance"] for row in rows))


def rows_of(name):
    """The measured differences of one golden file; none for a file that holds no network."""
    values, metadata = golden(name)
    if name in NETWORKS:
        compared = eidetic(name)
    elif "network" in metadata:
        compared = dynamics(values, metadata)
    elif name.startswith("kth_") and "out.eval_logits" in values:
        compared = classifier(values, metadata)
    elif "out.eval_prediction" in values:
        compared = predictor(name, values, metadata)
    else:
        return
    for quantity, (ours, published, tolerance) in compared.items():
        difference = share(ours, published)
        yield {"network": name, "quantity": quantity, "difference": difference, "tolerance": tolerance}


def share(ours, published):
    """The largest difference as a share of the largest published value."""
    return ((ours - published).abs().max() / published.abs().max()).item()


def network(values, metadata, task):
    velocities = next((ast.literal_eval(metadata[name]) for name in VELOCITIES if name in metadata), None)
    return from_reference(part(values, "weights."), task=task, velocities=velocities)


def classifier(values, metadata):
    with torch.no_grad():
        logits = network(values, metadata, "kth").eval()(values["in.clip"])
    model = network(values, metadata, "kth").train()
    loss = F.cross_entropy(model(values["in.clip"]), values["in.label"])
    compared = {"logits": (logits, values["out.eval_logits"], OUTPUTS)}
    return compared | trained(model, loss, values)


def predictor(name, values, metadata):
    task, horizon = name[: name.index("_mnist") + len("_mnist")], values["in.target"].shape[1]
    with torch.no_grad():
        predicted = network(values, metadata, task).eval()(values["in.frames"], horizon)
    model = network(values, metadata, task).train()
    loss = F.mse_loss(model(values["in.frames"], horizon), values["in.target"])
    compared = {"prediction": (predicted, values["out.eval_prediction"], OUTPUTS)}
    return compared | trained(model, loss, values)


def trained(model, loss, values):
    """The loss, all gradients one after the other, and the running statistics after the pass."""
    loss.backward()
    compared = {"loss": (loss.detach(), values["out.train_loss"], OUTPUTS)}
    parameters, buffers = dict(model.named_parameters()), dict(model.named_buffers())
    for name, gradient in part(values, "grad.").items():
        ours = "cells.0.kernels.weight" if name == "lstm.learned_kernels" else renamed(name)
        compared[f"gradient of {name}"] = (parameters[ours].grad, gradient, GRADIENTS)
    for name, statistic in part(values, "after_train_forward.").items():
        compared[f"after training: {name}"] = (buffers[renamed(name)].float(), statistic.float(), OUTPUTS)
    return worst(compared)


def worst(compared):
    """Of gradients and of statistics the one that differs most."""
    groups = {}
    for entry in compared.items():
        groups.setdefault(entry[0].partition(" ")[0], []).append(entry)
    return dict(max(group, key=lambda entry: share(*entry[1][:2])) for group in groups.values())


def eidetic(name):
    """Predictions, loss and gradients of an E3D-LSTM."""
    found = [row for row in compared_eidetic(name) if row[2].any()]  # the memory's kernels have gradients of 0 in both
    return worst({what: (a, b, GRADIENTS if "gradient" in what else OUTPUTS) for what, a, b in found})


def dynamics(values, metadata):
    weights = list(drawn(metadata))
    sizes = {name: int(metadata[name]) for name in ("kernel_size", "input_length")}
    with torch.no_grad():
        predicted = published_dynamics(metadata["network"], weights, **sizes)(values["in.frames"])
    compared = {"prediction": (predicted, values["out.eval"], OUTPUTS)}
    if "levels" in values:
        compared["levels of scale"] = (scale_levels(values["in.frames"]), values["levels"], OUTPUTS)
    return compared


if __name__ == "__main__":
    sys.exit(main())
