"""The plain script of the benchmark trains and measures what silktune does."""

import numpy as np
import pytest
import torch
import torchvision

from benchmarks.search_speed import plain
from silktune.core import losses, metrics
from silktune.core.silknet import network
from silktune.data.variables import Variable
from silktune.settings import Net

VARIABLES = (
    Variable("place", ("FR", "IT", "ES"), (60, 30, 10), background=4),
    Variable("time", ("18", "19"), (9, 9), 0),
)
OUTPUTS = [4, 2]


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (12, 48, 48, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.manual_seed(0)
    net = torchvision.models.resnet18(weights=None).train()
    net(torch.rand(8, 3, 48, 48))  # gives its batch norms statistics, without which it would be refused as untrained
    torch.save(net.state_dict(), file)
    return file


def labels_and_logits():
    chance = np.random.default_rng(3)
    labels = torch.from_numpy(np.stack([chance.integers(-1, K, 40) for K in OUTPUTS], 1))
    logits = [torch.from_numpy(chance.normal(size=(40, K)).astype(np.float32)) for K in OUTPUTS]
    return labels, logits


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_same_loss(gamma):
    labels, logits = labels_and_logits()
    expected = losses.classification(logits, labels, gamma=gamma)
    assert torch.isclose(plain.focal_loss(logits, labels, gamma), expected, rtol=1e-6)


def test_same_f1():
    labels, logits = labels_and_logits()
    named = torch.stack([a.argmax(1) for a in logits], 1).numpy()
    expected = metrics.scores(labels.numpy(), named, VARIABLES).mean_f1
    assert plain.mean_f1(logits, labels, [variable.K for variable in VARIABLES]) == pytest.approx(expected)


@pytest.mark.parametrize("NB_RN", [0, 3])
def test_same_network(NB_RN, images, weights):
    settings = {"net.trunk": "resnet18", "net.NB_RN": NB_RN, "net.NN_jfc": [16], "net.NN_tfc": [8], "net.dropout": 0.0}
    theirs = plain.Network(settings, OUTPUTS, weights).train()
    net = Net(trunk="resnet18", weights=str(weights), NB_RN=NB_RN, NN_jfc=(16,), NN_tfc=(8,), dropout=0.0)
    ours = network(net, OUTPUTS, 48)
    ours.silknet.joint.load_state_dict(theirs.joint.state_dict())
    ours.silknet.tasks.load_state_dict(theirs.tasks.state_dict())
    for a, b in zip(theirs(images), ours.train()(images.permute(0, 3, 1, 2).float() / 255), strict=True):
        assert torch.equal(a, b)
    assert trained(theirs) == trained(ours)


def trained(module):
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
