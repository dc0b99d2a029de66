"""A training step of the same networks in PyTorch, with the same learned quantizers: what `mpdnn bench` is compared with.

    python3 bench/peers/pytorchStep.py resnet20-waq --batch 128 --device cuda --compile --amp

One line of JSON: the median seconds of a step, images a second, peak device memory. The images are random and lie on the
device, so PyTorch neither loads nor augments here, which `mpdnn bench` does. Needs PyTorch and, for resnet18 and
mobilenetv2, torchvision (Debian: python3-torch, python3-torchvision).
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn
from torch.nn import functional


def straight_through(x, value):
    """The value, with the gradient of x."""
    return x + (value - x).detach()


class LearnedQuantizer(nn.Module):
    """U3: step and range are learned, both within the limits that the published experiments have."""

    def __init__(self, is_signed, step, limit):
        super().__init__()
        self.is_signed = is_signed
        self.step = nn.Parameter(torch.tensor(float(step)))
        self.limit = nn.Parameter(torch.tensor(float(limit)))

    def forward(self, x):
        exponent = torch.log2(self.step.clamp(1 / 256, 1))
        step = torch.exp2(straight_through(exponent, torch.round(exponent)))
        limit = self.limit.clamp(1 / 256, 255)
        lower = -limit if self.is_signed else limit * 0
        levels = torch.maximum(torch.minimum(x, limit), lower) / step
        return step * straight_through(levels, torch.round(levels))


def weight_quantizer():
    return LearnedQuantizer(True, 1 / 16, 7 / 16)


def activation_quantizer():
    return LearnedQuantizer(False, 1 / 8, 15 / 8)


class Subsampled(nn.Module):
    """The shortcut without parameters: every second pixel, zeros for new channels."""

    def __init__(self, extra):
        super().__init__()
        self.extra = extra

    def forward(self, x):
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.extra))


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        stride = 1 if inputs == outputs else 2
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity() if stride == 1 else Subsampled(outputs - inputs)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.main(x) + self.shortcut(x))


def resnet20():
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
    blocks = [Block(inputs, outputs) for inputs, outputs in zip(widths, widths[1:])]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def quantize(network):
    """Every weight of a product gets a quantizer, and quantizers take the place of ReLUs."""
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.utils.parametrize.register_parametrization(module, "weight", weight_quantizer())
        for name, child in list(module.named_children()):
            if isinstance(child, (nn.ReLU, nn.ReLU6)):
                setattr(module, name, activation_quantizer())
    return network


def build(name):
    if name == "resnet20":
        return resnet20(), 32, 10
    import torchvision

    make = {"resnet18": torchvision.models.resnet18, "mobilenetv2": torchvision.models.mobilenet_v2}[name]
    return make(), 224, 1000


def main():
    networks = ["resnet20", "resnet18", "mobilenetv2"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", choices=[f"{name}-{mode}" for name in networks for mode in ("float", "waq")])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="medians are over so many")
    parser.add_argument("--steps", type=int, help="steps a round")
    parser.add_argument("--compile", action="store_true", help="torch.compile with CUDA graphs")
    parser.add_argument("--amp", action="store_true", help="bf16 autocast and channels-last memory")
    options = parser.parse_args()
    on_gpu = options.device == "cuda"
    torch.set_num_threads(options.threads)
    # Convolutions in TF32, as PyTorch does by default on CUDA, and the fastest algorithm for each shape.
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True

    name, mode = options.workload.split("-")
    network, side, classes = build(name)
    layout = torch.channels_last if options.amp else torch.contiguous_format
    network = (quantize(network) if mode == "waq" else network).to(options.device, memory_format=layout)
    images = torch.randn(options.batch, 3, side, side, device=options.device).to(memory_format=layout)
    labels = torch.randint(0, classes, (options.batch,), device=options.device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4)
    forward = torch.compile(network, mode="reduce-overhead") if options.compile else network

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(options.device, dtype=torch.bfloat16, enabled=options.amp):
            loss = functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    def seconds(steps):
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        if on_gpu:
            torch.cuda.synchronize()
        return (time.perf_counter() - begin) / steps

    steps = options.steps or (50 if on_gpu else 3)
    seconds(100 if on_gpu else 2)
    median = statistics.median(seconds(steps) for _ in range(options.rounds))
    result = {
        "program": f"PyTorch {torch.__version__}",
        "workload": options.workload,
        "batch": options.batch,
        "device": torch.cuda.get_device_name() if on_gpu else f"cpu, {options.threads} threads",
        "settings": [word for word in ("compile", "amp") if getattr(options, word)],
        "seconds": median,
        "images_per_second": options.batch / median,
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20 if on_gpu else None,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
