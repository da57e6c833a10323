"""Files of weights, and what is to be read from them."""

import io
import zipfile

import torch

WEIGHTS = {"fc.weight": torch.tensor([[1.5, -2.0]]), "conv.0.bias": torch.tensor([0.25]), "steps": torch.tensor(7)}


def assert_is_network(found, expected=WEIGHTS):
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], weight) and not found[name].requires_grad for name, weight in expected.items())


def saved(content=WEIGHTS, **options):
    sink = io.BytesIO()
    torch.save(content, sink, **options)
    return sink.getvalue()


def again(content, method=zipfile.ZIP_STORED, change=lambda part: part):
    """The zip file of ``content`` written once more."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(sink, "w", method) as target:
        for member in source.infolist():
            target.writestr(member.filename, change(source.read(member)))
    return sink.getvalue()
