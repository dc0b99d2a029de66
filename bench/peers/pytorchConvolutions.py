"""Depthwise and grouped convolutions in PyTorch: GFLOP/s of the layers of bench/convKernels.mjs, best of many runs.

python3 bench/peers/pytorchConvolutions.py [THREADS]

The last line has them as JSON, with the names of that script.
"""
import json
import sys
import time

import torch

torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)

# images, height = width, channels, kernel, stride, groups
LAYERS = [
    (8, 56, 144, 3, 1, 144),
    (8, 56, 144, 3, 2, 144),
    (32, 14, 384, 3, 1, 384),
    (32, 7, 960, 3, 1, 960),
    (8, 56, 128, 3, 1, 32),
    (8, 28, 256, 3, 2, 32),
    (16, 14, 512, 3, 1, 32),
    (8, 56, 64, 3, 1, 4),
]


def best(run, seconds=0.3):
    shortest, start = float('inf'), time.perf_counter()
    while time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - before)
    return shortest


print(f'PyTorch {torch.__version__}, {torch.get_num_threads()} threads, channels last')
results = []
for images, size, channels, kernel, stride, groups in LAYERS:
    x = torch.randn(images, channels, size, size).contiguous(memory_format=torch.channels_last)
    w = torch.randn(channels, channels // groups, kernel, kernel)
    padding = [kernel // 2] * 2
    y = torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)

    def gradients(mask):
        torch.ops.aten.convolution_backward(y, x, w, None, [stride] * 2, padding, [1, 1], False, [0, 0], groups, mask)

    times = [
        best(lambda: torch.nn.functional.conv2d(x, w, None, stride, padding, 1, groups)),
        best(lambda: gradients([True, False, False])),
        best(lambda: gradients([False, True, False])),
    ]
    operations = 2 * images * y.shape[2] ** 2 * kernel**2 * channels // groups * channels
    speeds = [operations / seconds / 1e9 for seconds in times]
    is_depthwise = groups == channels
    window = f'{kernel}x{kernel}/{stride}' + ('' if is_depthwise else f', {groups} groups')
    name = f'{images}x{size}x{size} {channels}→{"depthwise" if is_depthwise else channels} {window}'
    print(name.ljust(40), *(f'{speed:10.1f}' for speed in speeds))
    results.append(dict(zip(['layer', 'forward', 'inputGradient', 'weightGradient'], [name, *speeds])))
print(json.dumps(results, ensure_ascii=False))
