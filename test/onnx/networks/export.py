"""Writes the networks of this folder, each as two ONNX files of PyTorch's exporter.

    apt-get install python3-torch python3-torchvision
    /usr/bin/python3 test/onnx/networks/export.py

NAME.onnx has its batch normalisations and takes any number of images; NAME.folded.onnx has them folded into the weights, as
the exporter does by itself, and is made for 16 images. resnet18.pt is that network's state dict. The networks are the
published ones, torchvision's where it has them, but narrow and some of them shorter, so that a file has some tens of
kilobytes; their weights are random and their running moments measured on random images.
"""

import sys
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.onnx import TrainingMode
from torchvision import models
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.models.googlenet import BasicConv2d, Inception
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.resnet import Bottleneck, ResNet

CLASSES = 10
IMAGES = 16


def convolved(inputs, outputs, size, stride=1, padding=None, groups=1, kind=nn.Conv2d, norm=nn.BatchNorm2d):
    """Convolution, batch normalisation, ReLU."""
    if padding is None:
        padding = size // 2 if isinstance(size, int) else tuple(side // 2 for side in size)
    convolution = kind(inputs, outputs, size, stride, padding, groups=groups, bias=False)
    return nn.Sequential(convolution, norm(outputs), nn.ReLU())


def separable(inputs, outputs, stride=1):
    """A depthwise convolution and one of a pixel, as in MobileNet."""
    return nn.Sequential(convolved(inputs, inputs, 3, stride, groups=inputs), convolved(inputs, outputs, 1))


def lenet():
    net = nn.Sequential(
        nn.Conv2d(3, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 10, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Flatten(), nn.Linear(360, 12), nn.Sigmoid(), nn.Linear(12, CLASSES),
    )
    for parameter in net.parameters():
        parameter.data *= 5
    return net


def mlp():
    layers = []
    for inputs, outputs in ((40, 32), (32, 24)):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(24, CLASSES))


def mobilenet_v1():
    blocks = [separable(8, 16), separable(16, 16, 2), separable(16, 24), separable(24, 32, 2)]
    return nn.Sequential(
        convolved(3, 8, 3, 2), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, CLASSES),
    )


def ds_cnn():
    """Keyword spotting of MLPerf Tiny."""
    blocks = [separable(16, 16) for _ in range(4)]
    return nn.Sequential(
        convolved(1, 16, (10, 4), 2, (5, 1)), nn.Dropout(0.2), *blocks,
        nn.Dropout(0.4), nn.AvgPool2d((25, 5)), nn.Flatten(), nn.Linear(16, CLASSES),
    )


class Residual(nn.Module):
    """Two convolutions around which a shortcut goes."""

    def __init__(self, inputs, outputs, size, stride, kind=nn.Conv2d, norm=nn.BatchNorm2d):
        super().__init__()
        make = partial(kind, bias=False)
        self.conv1 = make(inputs, outputs, size, stride, size // 2)
        self.bn1 = norm(outputs)
        self.conv2 = make(outputs, outputs, size, 1, size // 2)
        self.bn2 = norm(outputs)
        self.shortcut = nn.Sequential(make(inputs, outputs, 1, stride), norm(outputs)) if stride > 1 else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.shortcut(x))


def resnet8():
    """Image classification of MLPerf Tiny."""
    blocks = [Residual(8, 8, 3, 1), Residual(8, 12, 3, 2), Residual(12, 16, 3, 2)]
    return nn.Sequential(convolved(3, 8, 3), *blocks, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(16, CLASSES))


def m5():
    """Convolutions over sound (Dai et al., arXiv 1610.00087)."""
    def layer(inputs, outputs, size, stride=1):
        return nn.Sequential(nn.Conv1d(inputs, outputs, size, stride), nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(4))

    return nn.Sequential(
        layer(1, 16, 80, 16), layer(16, 16, 3), layer(16, 24, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, CLASSES),
    )


def tc_resnet8():
    """Temporal convolutions for keyword spotting (Choi et al., arXiv 1904.03814)."""
    signals = {"kind": nn.Conv1d, "norm": nn.BatchNorm1d}
    blocks = [Residual(8, 12, 9, 2, **signals), Residual(12, 12, 9, 2, **signals), Residual(12, 16, 9, 2, **signals)]
    return nn.Sequential(
        convolved(20, 8, 3, **signals), *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Dropout(), nn.Linear(16, CLASSES),
    )


class GoogLeNet(nn.Module):
    """Two blocks of torchvision's, with its names."""

    def __init__(self):
        super().__init__()
        self.conv1 = BasicConv2d(3, 8, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(8, 4, 6, 8, 2, 4, 4)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(20, 8, 6, 12, 2, 4, 4)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(28, CLASSES)

    def forward(self, x):
        x = self.inception3a(self.maxpool1(self.conv1(x)))
        x = self.inception4a(self.maxpool3(x))
        return self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))


def narrowed(net, width):
    """Gives every layer but the last so many channels as `width` says of those that it has."""
    *_, last = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            inputs, outputs = module.in_channels, module.out_channels
            isDepthwise = module.groups == inputs > 1
            module.in_channels = inputs if inputs == 3 else width(inputs)
            module.out_channels = outputs if module is last else width(outputs)
            module.groups = module.in_channels if isDepthwise else module.groups
            sizes = module.out_channels, module.in_channels // module.groups, *module.kernel_size
            module.weight = nn.Parameter(torch.empty(sizes))
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                module.bias = nn.Parameter(torch.rand(module.out_channels) / 20)
        elif isinstance(module, nn.BatchNorm2d):
            module.__init__(width(module.num_features), module.eps, module.momentum)
        elif isinstance(module, nn.Linear):
            outputs = module.out_features if module is last else width(module.out_features)
            module.__init__(width(module.in_features), outputs)
    return net


def atMost(most, divisor=16):
    """Every channel in `divisor`, `most` of them at most."""
    return lambda count: min(most, -(-count // divisor))


def squeezeNet():
    net = models.squeezenet1_1(num_classes=CLASSES)
    net.features = net.features[:6]
    net.classifier[1] = nn.Conv2d(128, CLASSES, 1)
    return narrowed(net, atMost(64, 8))


def mobileNetV2():
    blocks = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 2, 2], [6, 64, 1, 2]]
    return narrowed(models.MobileNetV2(CLASSES, inverted_residual_setting=blocks), atMost(24, 8))


def efficientNet():
    blocks = [
        MBConvConfig(1, 3, 1, 32, 16, 1, 1.0, 1.0),
        MBConvConfig(6, 5, 2, 16, 24, 2, 1.0, 1.0),
        MBConvConfig(6, 3, 2, 24, 40, 1, 1.0, 1.0),
    ]
    net = EfficientNet(blocks, dropout=0.2, stochastic_depth_prob=0, num_classes=CLASSES)
    return narrowed(net, atMost(24, 4))


def mobileNetV3():
    block = partial(InvertedResidualConfig, dilation=1, width_mult=1)
    blocks = [
        block(16, 3, 16, 16, True, "RE", 2),
        block(16, 3, 72, 24, False, "RE", 2),
        block(24, 5, 96, 40, True, "HS", 2),
        block(40, 5, 240, 40, True, "HS", 1),
    ]
    return narrowed(MobileNetV3(blocks, 128, num_classes=CLASSES), atMost(24, 4))


def regNet():
    parameters = BlockParams.from_init_params(depth=3, w_0=16, w_a=8.0, w_m=2.0, group_width=8, se_ratio=0.25)
    return RegNet(parameters, num_classes=CLASSES, stem_width=8)


image = (3, 32, 32)
networks = {
    "lenet": (lenet, image),
    "mlp": (mlp, (40,)),
    "mobilenet_v1": (mobilenet_v1, image),
    "ds_cnn": (ds_cnn, (1, 49, 10)),
    "resnet8": (resnet8, image),
    "m5": (m5, (1, 2000)),
    "tc_resnet8": (tc_resnet8, (20, 51)),
    "googlenet": (GoogLeNet, (3, 48, 48)),
    "resnet18": (lambda: narrowed(models.resnet18(num_classes=CLASSES), atMost(8)), image),
    "resnet50": (lambda: narrowed(ResNet(Bottleneck, [1, 2, 1, 1], CLASSES), atMost(16)), image),
    "resnext50": (
        lambda: narrowed(ResNet(Bottleneck, [1, 1, 1, 1], CLASSES, groups=2, width_per_group=32), atMost(16)),
        image,
    ),
    "squeezenet": (squeezeNet, image),
    "densenet": (lambda: narrowed(models.DenseNet(32, (2, 2, 2), 64, num_classes=CLASSES), atMost(64, 8)), image),
    "mobilenet_v2": (mobileNetV2, image),
    "shufflenet_v2": (
        lambda: narrowed(models.ShuffleNetV2([1, 2, 1], [24, 48, 96, 192, 1024], CLASSES), atMost(48, 12)), image,
    ),
    "mobilenet_v3": (mobileNetV3, image),
    "efficientnet": (efficientNet, image),
    "regnet_y": (regNet, image),
}


def settled(net, shape):
    """The network with random factors, and with the moments of random images."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
            module.momentum = 0.5
    with torch.no_grad():
        for _ in range(10):
            net(torch.rand(64, *shape) * 2 - 1)
    return net.eval()


def main(names):
    folder = Path(__file__).parent
    for name in names or networks:
        make, shape = networks[name]
        torch.manual_seed(1)
        net = settled(make(), shape)
        options = {"opset_version": 13, "input_names": ["x"], "output_names": ["y"]}
        torch.onnx.export(
            net, torch.zeros(IMAGES, *shape), folder / f"{name}.onnx", training=TrainingMode.PRESERVE,
            do_constant_folding=False, dynamic_axes={"x": {0: "N"}, "y": {0: "N"}}, **options,
        )
        torch.onnx.export(net, torch.zeros(IMAGES, *shape), folder / f"{name}.folded.onnx", **options)
        if name == "resnet18":
            torch.save(net.state_dict(), folder / f"{name}.pt")
        print(name, sum(parameter.numel() for parameter in net.parameters()))


main(sys.argv[1:])
