"""SilkNet's shape: what stands where, how it begins, and P22's network by settings alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from silktune.core.silknet import Network, SilkNet, network
from silktune.settings import Net

OUTPUTS = (6, 4, 3)


def whole(NN_jfc: tuple[int, ...] = (64, 20), NN_tfc: tuple[int, ...] = (8,), **settings: float) -> Network:
    net = Net(trunk="resnet18", weights="none", NB_RN=1, NN_jfc=NN_jfc, NN_tfc=NN_tfc, **settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = network(net, OUTPUTS, 32)
        made.silknet.initialise()
    return made


def silknet(*widths: tuple[int, ...], **settings: float) -> SilkNet:
    return whole(*widths, **settings).silknet


@pytest.fixture(scope="module")
def inputs() -> Tensor:
    """What the prefix makes of five images."""
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    result: Tensor = whole().prefix(images)
    return result


def kinds(layers: nn.Module) -> list[type]:
    return [type(layer) for layer in layers.children()]


def test_shapes(inputs: Tensor) -> None:
    logits, f = silknet()(inputs)
    assert [tuple(a.shape) for a in logits] == [(5, 6), (5, 4), (5, 3)]
    assert f.shape == (5, 20)


def test_f_has_length_1_and_is_taken_before_the_relu(inputs: Tensor) -> None:
    net = silknet().eval()
    _, f = net(inputs)
    torch.testing.assert_close(f.norm(dim=1), torch.ones(5))
    assert (f < 0).any()
    f_jfc = net.f_jfc(inputs)
    torch.testing.assert_close(f, f_jfc / f_jfc.norm(dim=1, keepdim=True))


def test_the_classification_head_sees_what_is_after_the_relu() -> None:
    net = silknet()
    f_jfc = torch.randn(3, 20)
    for a, b in zip(net.classify(f_jfc), net.classify(f_jfc.clamp(min=0)), strict=True):
        assert torch.equal(a, b)


def test_f_of_zero_is_finite() -> None:
    f_jfc = torch.zeros(2, 20, requires_grad=True)
    silknet().cluster(f_jfc).sum().backward()
    assert f_jfc.grad is not None
    assert f_jfc.grad.isfinite().all()


def test_joint_layers_have_relu_between_and_end_linear() -> None:
    assert kinds(silknet((64, 20)).joint) == [nn.Linear, nn.ReLU, nn.Linear]
    assert kinds(silknet((64,)).joint) == [nn.Linear]


def test_task_layers_each_have_relu_and_end_in_logits() -> None:
    tasks = silknet((64,), (16, 8)).tasks
    assert len(tasks) == 3
    assert [kinds(task) for task in tasks] == [[nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]] * 3


def test_p22s_network_is_a_matter_of_settings() -> None:
    net = silknet((1024, 32), ())
    shapes = [tuple(layer.weight.shape) for layer in net.joint if isinstance(layer, nn.Linear)]
    assert shapes == [(1024, 512), (32, 1024)]
    assert [[tuple(layer.weight.shape) for layer in task] for task in net.tasks] == [[(6, 32)], [(4, 32)], [(3, 32)]]


def test_added_layers_begin_with_hes_variance_and_without_bias() -> None:
    net = silknet((1024,), (128,))
    layers = [m for m in [*net.joint.modules(), *net.tasks.modules()] if isinstance(m, nn.Linear)]
    assert len(layers) == 7
    for layer in layers:
        expected = math.sqrt(2 / layer.in_features)
        spread = 4 / math.sqrt(2 * layer.weight.numel())  # four standard errors of a standard deviation
        assert layer.weight.std().item() == pytest.approx(expected, rel=spread)
        assert layer.weight.mean().item() == pytest.approx(0, abs=4 * expected / math.sqrt(layer.weight.numel()))
        assert (layer.bias == 0).all()


def test_dropout_is_on_f_rn_and_nowhere_else(inputs: Tensor) -> None:
    net = silknet(dropout=0.5)
    assert [name for name, module in net.named_modules() if isinstance(module, nn.Dropout)] == ["dropout"]
    seen: list[Tensor] = []
    net.joint.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    f_RN = net.suffix(inputs).detach()
    net.train()(inputs)
    kept = seen[0] != 0
    torch.testing.assert_close(seen[0][kept], 2 * f_RN[kept])
    assert 0.4 < kept[f_RN > 0].float().mean().item() < 0.6
    net.eval()(inputs)
    assert torch.equal(seen[1], f_RN)


def test_parameters_by_hand() -> None:
    net = whole((64, 20), (8,))
    trunk = 11_689_512 - (512 * 1000 + 1000)  # torchvision's resnet18 without its classifier
    joint = 512 * 64 + 64 + 64 * 20 + 20
    tasks = sum(20 * 8 + 8 + 8 * K + K for K in OUTPUTS)
    assert sum(p.numel() for p in net.parameters()) == trunk + joint + tasks
    last_block = 2 * (512 * 512 * 9) + 2 * (2 * 512)
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == last_block + joint + tasks


def test_gradient_reaches_the_trained_blocks_and_stops_there() -> None:
    net = whole()
    logits, f = net.silknet(net.prefix(torch.rand(5, 3, 32, 32, requires_grad=True)))
    (sum(a.square().sum() for a in logits) + f[:, 0].sum()).backward()
    assert all(p.grad is not None for p in net.silknet.suffix.parameters())
    assert all(p.grad is None for p in net.prefix.parameters())


def test_the_whole_network_goes_from_images_to_logits() -> None:
    net, images = whole().eval(), torch.rand(5, 3, 32, 32)
    for a, b in zip(net(images), net.silknet(net.prefix(images))[0], strict=True):
        assert torch.equal(a, b)
