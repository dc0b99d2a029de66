"""Training steps of PyTorch on several cards, by DistributedDataParallel over NCCL: what `--gpus` is compared with.

    python3 -m torch.distributed.run --standalone --nproc-per-node=2 bench/peers/pytorchRanks.py resnet18-waq --compile --amp

The networks of pytorchStep.py, a process a card, each with a batch of its own. The first process prints one line of JSON:
the median seconds of a step and the images a second of all processes.
"""

import argparse
import json
import os
import statistics
import time

import torch
from pytorchStep import build, quantize
from torch.nn import functional


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", help="such as resnet18-waq or resnet20-float")
    parser.add_argument("--batch", type=int, default=128, help="images a card")
    parser.add_argument("--rounds", type=int, default=5, help="medians are over so many")
    parser.add_argument("--steps", type=int, default=50, help="steps a round")
    parser.add_argument("--compile", action="store_true", help="torch.compile")
    parser.add_argument("--amp", action="store_true", help="bf16 autocast and channels-last memory")
    options = parser.parse_args()
    rank, size, card = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    torch.cuda.set_device(card)
    torch.distributed.init_process_group("nccl")
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = True

    name, mode = options.workload.split("-")
    network, side, classes = build(name)
    layout = torch.channels_last if options.amp else torch.contiguous_format
    network = (quantize(network) if mode == "waq" else network).to("cuda", memory_format=layout)
    images = torch.randn(options.batch, 3, side, side, device="cuda").to(memory_format=layout)
    labels = torch.randint(0, classes, (options.batch,), device="cuda")
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=2e-4)
    # Of one card there is nothing to average.
    forward = torch.nn.parallel.DistributedDataParallel(network, device_ids=[card]) if size > 1 else network
    if options.compile:
        forward = torch.compile(forward)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=options.amp):
            loss = functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()

    def seconds(steps):
        torch.distributed.barrier()
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        return (time.perf_counter() - begin) / steps

    seconds(100)
    median = statistics.median(seconds(options.steps) for _ in range(options.rounds))
    if rank == 0:
        result = {
            "program": f"PyTorch {torch.__version__}",
            "workload": options.workload,
            "batch": options.batch,
            "cards": size,
            "device": torch.cuda.get_device_name(),
            "settings": [word for word in ("compile", "amp") if getattr(options, word)],
            "seconds": median,
            "images_per_second": size * options.batch / median,
        }
        print(json.dumps(result))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
