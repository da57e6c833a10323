"""SVG and the Noether step as plain loops over frames and samples, after the paper's equations; weights are shared."""

import torch
import torch.nn.functional as F


def encode(encoder, picture):
    maps, skips = picture, []
    for block in encoder.blocks:
        for layer in block:
            maps = normed(maps, layer)
        skips.append(maps)
        maps = F.max_pool2d(maps, 2)
    return normed(maps, encoder.last)[:, :, 0, 0], skips


def decode(decoder, code, skips):
    maps = normed(code[:, :, None, None], decoder.first)
    for block, skip in zip([*decoder.blocks, decoder.before_last], skips[::-1], strict=True):
        maps = torch.cat([maps.repeat_interleave(2, 2).repeat_interleave(2, 3), skip], dim=1)
        for layer in block:
            maps = normed(maps, layer)
    return torch.sigmoid(decoder.last(maps))


def normed(maps, layer):
    """Convolution, standardised over channels and pixels, gain and offset, conditioning of the layer, activation."""
    convolution, norm, conditional, activation = layer
    maps = convolution(maps)
    mean, variance = maps.mean(dim=(1, 2, 3), keepdim=True), maps.var(dim=(1, 2, 3), keepdim=True, correction=0)
    maps = (maps - mean) / torch.sqrt(variance + norm.eps)
    maps = maps * norm.weight[:, None, None] + norm.bias[:, None, None]
    gamma, beta = getattr(conditional, "chosen", (torch.ones(()), torch.zeros(())))
    return activation(maps * gamma + beta)


def predict(svg, clip, noise, num_given, taught):
    """Frames x_0 ... of one clip (1, t, c, s, s), step by step, and the sum of the KL terms whose frame is seen."""
    hidden = {name: None for name in ("predictor", "prior", "posterior")}
    frames, skips, divergence = [clip[:, 0]], None, 0.0
    for i in range(1, noise.shape[1] + 1):
        code, maps = encode(svg.encoder, clip[:, i - 1] if taught else frames[-1])
        if i < num_given:
            skips = maps
        known = taught or i < num_given
        mean_p, log_p = gaussian(svg.prior, code, hidden, "prior")
        mean, log = mean_p, log_p
        if known:
            mean, log = gaussian(svg.posterior, encode(svg.encoder, clip[:, i])[0], hidden, "posterior")
            s, s_p = torch.exp(log / 2), torch.exp(log_p / 2)
            divergence = divergence + (torch.log(s_p / s) + (s**2 + (mean - mean_p) ** 2) / (2 * s_p**2) - 0.5).sum()
        z = mean + torch.exp(log / 2) * noise[:, i - 1]
        value = svg.frame_predictor.embed(torch.cat([code, z], dim=1))
        states = hidden["predictor"] or [None] * len(svg.frame_predictor.cells)
        hidden["predictor"] = []
        for cell, state in zip(svg.frame_predictor.cells, states, strict=True):
            hidden["predictor"].append(cell(value, state))
            value = hidden["predictor"][-1][0]
        predicted = torch.tanh(svg.frame_predictor.head(value))
        frames.append(clip[:, i] if i < num_given else decode(svg.decoder, predicted, skips))
    return torch.stack(frames, dim=1), divergence


def gaussian(network, code, hidden, name):
    hidden[name] = network.cells[0](network.embed(code), hidden[name])
    return network.mean(hidden[name][0]), network.log_variance(hidden[name][0])


def inner_loss(embedding, frames, compared):
    """Of the embeddings of neighbouring frames of one clip."""
    pairs = [torch.cat([frames[:, t - 1], frames[:, t]], dim=1) for t in range(1, frames.shape[1])]
    found = [embedding.head(embedding.features(pair).flatten(1))[0] for pair in pairs]
    loss = 0.0
    for t in range(1, len(found)):
        if compared in ("previous", "both"):
            loss = loss + ((found[t - 1] - found[t]) ** 2).mean()
        if compared in ("first", "both"):
            loss = loss + ((found[0] - found[t]) ** 2).mean()
    return loss


def tailored(network, clip, noise, num_given, taught):
    """The prediction of one clip after the inner steps, kept in the graph by ``create_graph``."""
    svg, inner = network.backbone, network.inner
    layers = [module for module in svg.modules() if type(module).__name__ == "ConditionalNorm"]
    values = [torch.full((1, 1, 1), start, dtype=clip.dtype) for start in (1.0, 0.0)]
    chosen = [[value.repeat(layer.gamma.shape[1], 1, 1).requires_grad_() for value in values] for layer in layers]
    for _ in range(inner.steps):
        frames, _ = conditioned(svg, layers, chosen, clip, noise, num_given, taught)
        loss = inner_loss(network.embedding, frames, inner.compared) / inner.clips
        gradients = iter(torch.autograd.grad(loss, [value for pair in chosen for value in pair], create_graph=True))
        chosen = [[value - inner.lr * next(gradients) for value in pair] for pair in chosen]
    return conditioned(svg, layers, chosen, clip, noise, num_given, taught)


def conditioned(svg, layers, chosen, *inputs):
    for layer, pair in zip(layers, chosen, strict=True):
        layer.chosen = pair
    try:
        return predict(svg, *inputs)
    finally:
        for layer in layers:
            del layer.chosen
