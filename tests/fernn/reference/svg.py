"""The published SVG and its Noether step, translated plainly: one clip, one frame, one layer at a time.

After dylandoblar/noether-networks @c7a65a2, video_prediction/: encoder and decoder (models/vgg_128.py 6-142) whose
batch normalisation is replaced by a group normalisation of one group (utils.py 480-501), conditional normalisation
(models/cn.py 16-17), the LSTMs (models/lstm.py 28-35 and 58-81), a step (models/svg.py 24-43 and 45-57), the steps
(models/forward.py 49-118), the KL term (utils.py 36-41), the embedding (models/embedding.py 11-30), the inner loss
(models/forward.py 18-46) and the inner steps (161-219). Encoder, decoder and LSTMs are those of edenton/svg @3f19f0b
but for the conditioning.

The weights are those of ``fernn.models.noether.video``; none of its layers is called. Other than published, a KL term
counts only where the true frame is seen, and one clip is tailored by itself: the published inner loss is the mean
over a batch (models/forward.py 214), so that a clip's is divided by the clips of a batch.
"""

import torch
import torch.nn.functional as F


def normed(maps, layer, moved, activation=None):
    """Standardised over channels and pixels, gain and offset, conditioning, leaky ReLU or the activation given."""
    norm, conditional = layer[1], layer[2]
    mean, variance = maps.mean(dim=(1, 2, 3), keepdim=True), maps.var(dim=(1, 2, 3), keepdim=True, correction=0)
    maps = (maps - mean) / torch.sqrt(variance + 1e-5) * norm.weight[:, None, None] + norm.bias[:, None, None]
    gamma, beta = moved.get(conditional, (1.0, 0.0))
    maps = maps * gamma + beta
    return torch.where(maps > 0, maps, 0.2 * maps) if activation is None else activation(maps)


def stacked(maps, block, moved):
    """3x3 convolutions, each normalised."""
    for layer in block:
        maps = normed(F.conv2d(maps, layer[0].weight, layer[0].bias, padding=1), layer, moved)
    return maps


def encode(encoder, moved, picture):
    maps, skips = picture, []
    for block in encoder.blocks:
        skips.append(stacked(maps, block, moved))
        maps = F.max_pool2d(skips[-1], 2)
    last = encoder.last
    return normed(F.conv2d(maps, last[0].weight, last[0].bias), last, moved, torch.tanh)[:, :, 0, 0], skips


def decode(decoder, moved, code, skips):
    first, last = decoder.first, decoder.last
    maps = normed(F.conv_transpose2d(code[:, :, None, None], first[0].weight, first[0].bias), first, moved)
    for block, skip in zip([*decoder.blocks, decoder.before_last], skips[::-1], strict=True):
        maps = stacked(torch.cat([maps.repeat_interleave(2, 2).repeat_interleave(2, 3), skip], dim=1), block, moved)
    return torch.sigmoid(F.conv_transpose2d(maps, last.weight, last.bias, padding=1))


def recur(network, values, states):
    """The output of the last LSTM cell; ``states``, a list of one pair for each cell, goes on."""
    values = F.linear(values, network.embed.weight, network.embed.bias)
    for place, cell in enumerate(network.cells):
        weights = cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh
        states[place] = torch.lstm_cell(values, states[place], *weights)
        values = states[place][0]
    return values


def gaussian(network, code, states):
    """Mean and logarithm of the variance."""
    hidden = recur(network, code, states)
    return [F.linear(hidden, head.weight, head.bias) for head in (network.mean, network.log_variance)]


def divergence_of(mean, log, other_mean, other_log):
    s, other = torch.exp(log / 2), torch.exp(other_log / 2)
    return (torch.log(other / s) + (log.exp() + (mean - other_mean) ** 2) / (2 * other_log.exp()) - 1 / 2).sum()


def predict(svg, moved, clip, noise, num_given, taught):
    """Frames x_0 ... of one clip (1, t, c, s, s), step by step, and the sum of the KL terms whose frame is seen."""
    networks = svg.frame_predictor, svg.prior, svg.posterior
    zeros = [clip.new_zeros(1, len(network.embed.weight)) for network in networks]
    predictor, prior, posterior = (
        [(zero, zero)] * len(network.cells) for zero, network in zip(zeros, networks, strict=True)
    )
    frames, skips, divergence = [clip[:, 0]], None, 0.0
    for i in range(1, noise.shape[1] + 1):
        code, maps = encode(svg.encoder, moved, clip[:, i - 1] if taught else frames[-1])
        skips = maps if i < num_given else skips
        expected = mean, log = gaussian(svg.prior, code, prior)
        if taught or i < num_given:
            mean, log = gaussian(svg.posterior, encode(svg.encoder, moved, clip[:, i])[0], posterior)
            divergence = divergence + divergence_of(mean, log, *expected)
        z = mean + torch.exp(log / 2) * noise[:, i - 1]
        hidden, head = recur(svg.frame_predictor, torch.cat([code, z], dim=1), predictor), svg.frame_predictor.head
        following = torch.tanh(F.linear(hidden, head.weight, head.bias))
        frames.append(clip[:, i] if i < num_given else decode(svg.decoder, moved, following, skips))
    return torch.stack(frames, dim=1), divergence


def embedded(embedding, pair):
    """Two 5x5 convolutions, each with ReLU and pooling, and a linear layer."""
    for convolution in (embedding.features[0], embedding.features[3]):
        pair = F.max_pool2d(F.conv2d(pair, convolution.weight, convolution.bias, padding=2).relu(), 2)
    return F.linear(pair.flatten(1), embedding.head.weight, embedding.head.bias)


def inner_loss(embedding, frames, compared):
    """Of the embeddings of neighbouring frames of one clip: means over dimensions, summed over time."""
    found = [embedded(embedding, frames[:, t - 1 : t + 1].flatten(1, 2)) for t in range(1, frames.shape[1])]
    loss = 0.0
    for t in range(1, len(found)):
        if compared in ("previous", "both"):
            loss = loss + F.mse_loss(found[t - 1], found[t])
        if compared in ("first", "both"):
            loss = loss + F.mse_loss(found[0], found[t])
    return loss


def conditionals(svg):
    """The conditional normalisations of encoder and decoder, with how many channels each has."""
    blocks = [*svg.encoder.blocks, *svg.decoder.blocks, svg.decoder.before_last]
    layers = [layer for block in blocks for layer in block] + [svg.encoder.last, svg.decoder.first]
    return [(layer[2], len(layer[1].weight)) for layer in layers]


def tailored(network, clip, noise, num_given, taught):
    """The prediction of one clip after the inner steps, whose gradients are kept in the graph."""
    svg, inner = network.backbone, network.inner
    moved = {
        layer: [clip.new_full((channels, 1, 1), start).requires_grad_() for start in (1.0, 0.0)]
        for layer, channels in conditionals(svg)
    }
    for _ in range(inner.steps):
        frames, _ = predict(svg, moved, clip, noise, num_given, taught)
        loss = inner_loss(network.embedding, frames, inner.compared) / inner.clips
        values = [value for pair in moved.values() for value in pair]
        slopes = iter(torch.autograd.grad(loss, values, create_graph=True))
        moved = {layer: [value - inner.lr * next(slopes) for value in pair] for layer, pair in moved.items()}
    return predict(svg, moved, clip, noise, num_given, taught)
