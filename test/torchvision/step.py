"""Numbers of torchvision's networks to test ours against: one forward and backward pass in float64.

Usage: python3 test/torchvision/step.py > test/torchvision/step.json   (PyTorch 1.13, torchvision 0.14)
"""

import json
import math
import sys

import torch
import torchvision

NETWORKS = [
    {"model": "mobilenetv2", "width": 0.5, "classes": 7, "batch": 4, "side": 64},
    {"model": "resnet18", "width": 1, "classes": 7, "batch": 2, "side": 33},
]


def mulberry32(seed):
    """The generator of test/mulberry32.ts, numbers in [0, 1)."""
    mask = 0xFFFFFFFF
    state = seed
    while True:
        state = (state + 0x6D2B79F5) & mask
        t = ((state ^ (state >> 15)) * (state | 1)) & mask
        t = (t ^ (t + ((t ^ (t >> 7)) * (t | 61) & mask))) & mask
        yield (t ^ (t >> 14)) / 4294967296


def uniform(seed, shape, center, half_width):
    count = math.prod(shape)
    random = mulberry32(seed)
    values = [center + half_width * (2 * next(random) - 1) for _ in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def start(seed, shape):
    """Weights in +-sqrt(3 / inputs), factors of normalisations (and all other vectors) in 0.5 to 1.5."""
    if len(shape) == 1:
        return uniform(seed, shape, 1, 0.5)
    return uniform(seed, shape, 0, math.sqrt(3 / math.prod(shape[1:])))


def step(network):
    if network["model"] == "mobilenetv2":
        model = torchvision.models.mobilenet_v2(
            num_classes=network["classes"], width_mult=network["width"], dropout=0
        )
    else:
        model = torchvision.models.resnet18(num_classes=network["classes"])
    model = model.double().train()
    with torch.no_grad():
        for seed, (_, parameter) in enumerate(sorted(model.named_parameters())):
            parameter.copy_(start(seed, parameter.shape))
    side, batch = network["side"], network["batch"]
    images = uniform(1000, (batch, side, side, 3), 0, 1).permute(0, 3, 1, 2)
    labels = torch.arange(batch) % network["classes"]
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    gradients = {}
    for name, parameter in sorted(model.named_parameters()):
        gradient = parameter.grad.flatten()
        pattern = torch.cos(torch.arange(len(gradient), dtype=torch.float64))
        gradients[name] = [float(gradient.norm()), float(gradient @ pattern)]
    model.eval()
    return {
        **network,
        "loss": float(loss),
        "logits": logits.flatten().tolist(),
        "evaluated": model(images).flatten().tolist(),
        "gradients": gradients,
    }


json.dump([step(network) for network in NETWORKS], sys.stdout, indent=1)
print()
