"""The opponent: a search with Ray Tune and torchvision or timm alone, as one would write it for one collection.

It reads a space's file, a table with a column `split`, and weights; it trains every point of the grid, then the winner
once more, and tests that. It knows nothing of silktune. What it does to be fast: every image is decoded once and lies
in Ray's object store as bytes, actors are reused, the frozen part runs in evaluation without a graph, convolutions see
channels last, two trials run at once with one thread each, nothing is written while a trial runs, and no tracker waits.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import ray
import timm
import torch
import torchvision
import yaml
from ray import tune
from sklearn.metrics import f1_score
from torch import nn

BACKGROUND = "background"


class Network(nn.Module):
    """A trunk whose last blocks are trained, a joint layer, and a classifier for every variable."""

    def __init__(self, settings, outputs, weights):
        super().__init__()
        trunk, self.mean, self.std = build_trunk(settings["net.trunk"], weights)
        cut = len(trunk) - 1 - settings["net.NB_RN"] if settings["net.NB_RN"] else len(trunk)
        self.frozen, self.trained = trunk[:cut].requires_grad_(False), trunk[cut:]
        with torch.inference_mode():
            features = trunk.eval()(torch.zeros(1, 3, 64, 64)).shape[1]
        self.dropout = nn.Dropout(settings["net.dropout"])
        joint, self.tasks = layers([features, *settings["net.NN_jfc"]]), nn.ModuleList()
        for K in outputs:
            self.tasks.append(layers([settings["net.NN_jfc"][-1], *settings["net.NN_tfc"], K]))
        self.joint = joint

    def train(self, mode=True):
        super().train(mode)
        self.frozen.eval()
        self.trained.eval()  # batch norm keeps the statistics of the pretraining
        return self

    def forward(self, pixels):
        images = pixels.permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            maps = self.frozen((images - self.mean) / self.std)
        features = self.joint(self.dropout(self.trained(maps).relu())).relu()
        return [task(features) for task in self.tasks]


def build_trunk(name, weights):
    """A trunk as stem, blocks and pooling in one Sequential; mean and standard deviation of its images."""
    state = torch.load(weights, mmap=True, weights_only=True)
    if name.startswith("timm/"):
        net = timm.create_model(name.removeprefix("timm/"), num_classes=0)
        net.load_state_dict(state, strict=False)
        mean, std = net.default_cfg["mean"], net.default_cfg["std"]
        trunk = nn.Sequential(net)
    else:
        net = torchvision.models.get_model(name, weights=None)
        net.load_state_dict(state)
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        blocks = [block for layer in (net.layer1, net.layer2, net.layer3, net.layer4) for block in layer]
        stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
        trunk = nn.Sequential(stem, *blocks, nn.Sequential(net.avgpool, nn.Flatten()))
    return trunk, torch.tensor(mean).view(1, 3, 1, 1), torch.tensor(std).view(1, 3, 1, 1)


def layers(widths):
    made = []
    for before, after in pairwise(widths):
        made += [nn.Linear(before, after), nn.ReLU()]
        nn.init.kaiming_normal_(made[-2].weight, nonlinearity="relu")
        nn.init.zeros_(made[-2].bias)
    return nn.Sequential(*made[:-1])


def focal_loss(logits, labels, gamma):
    """Over all labels that are known; −1 is not."""
    total = 0.0
    for a, label in zip(logits, labels.unbind(1), strict=True):
        known = label >= 0
        ln_y = a[known].log_softmax(1).gather(1, label[known, None])[:, 0]
        total = total + ((-torch.expm1(ln_y)).clamp(min=1e-12) ** gamma * -ln_y).sum()
    return total / (labels >= 0).sum().clamp(min=1)


def fit(settings, data, weights):
    """Train; the network with the weights of the epoch with the smallest validation loss, and what that reached."""
    torch.manual_seed(settings.get("train.seed", 0))
    net = Network(settings, data["outputs"], weights).to(memory_format=torch.channels_last)
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=settings["train.learning_rate"])
    best = {"loss": float("inf")}
    for epoch in range(1, settings["train.max_epochs"] + 1):
        net.train()
        for rows in torch.randperm(len(data["train"][1])).split(settings["train.batch_size"]):
            pixels, labels = (tensor[rows] for tensor in data["train"])
            optimiser.zero_grad()
            focal_loss(net(pixels), labels, settings["loss.gamma"]).backward()
            optimiser.step()
        logits, labels = predict(net, data["validation"], settings["train.batch_size"])
        loss = focal_loss(logits, labels, settings["loss.gamma"]).item()
        if loss < best["loss"]:
            kept = {name: parameter.detach().clone() for name, parameter in net.named_parameters()
                    if parameter.requires_grad}  # fmt: skip
            best = {"loss": loss, "f1": mean_f1(logits, labels, data["classes"]), "epoch": epoch}
    net.load_state_dict(kept, strict=False)
    return net, best


@torch.inference_mode()
def predict(net, subset, size):
    net.eval()
    pixels, labels = subset
    batches = [net(part) for part in pixels.split(size)]
    return [torch.cat(of_variable) for of_variable in zip(*batches, strict=True)], labels


def mean_f1(logits, labels, classes):
    """Over the variables the mean of the F1 over the classes of interest that have an image."""
    scores = []
    for a, label, K in zip(logits, labels.unbind(1), classes, strict=True):
        known = label >= 0
        present = [k for k in label[known].unique().tolist() if k < K]
        if present:
            truth, named = label[known], a.argmax(1)[known]
            scores.append(f1_score(truth, named, labels=present, average="macro", zero_division=0))
    return float(np.mean(scores))


def read(table, images, size):
    """Every subset as pixels (N, S, S, 3) and labels (N, M); how many classes each variable has, and outputs."""
    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    files = [str(Path(images, name)) for name in frame["image"]]
    pixels = torch.from_numpy(np.stack([decode(file, size) for file in files]))
    labels, classes, outputs = [], [], []
    for variable in frame.columns.difference(["image", "record", "split"], sort=False):
        names = sorted(set(frame[variable]) - {"", BACKGROUND})
        ids = {name: k for k, name in enumerate(names)} | {"": -1, BACKGROUND: len(names)}
        labels.append(frame[variable].map(ids).to_numpy())
        classes.append(len(names))
        outputs.append(len(names) + (BACKGROUND in set(frame[variable])))
    labels, split = torch.from_numpy(np.stack(labels, axis=1)), frame["split"].to_numpy()
    subsets = {name: (pixels[split == name], labels[split == name]) for name in ("train", "validation", "test")}
    return {**subsets, "classes": classes, "outputs": outputs}


def decode(file, size):
    image = cv2.cvtColor(cv2.imread(file), cv2.COLOR_BGR2RGB)
    larger = min(image.shape[:2]) >= size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if larger else cv2.INTER_CUBIC)


def trial(config, data, weights):
    torch.set_num_threads(1)
    start = time.process_time()
    _, best = fit(config["settings"], data, weights)
    tune.report(best | {"cpu": time.process_time() - start})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("space", type=Path)
    for name in ("table", "images", "weights", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--concurrent", type=int, default=2)
    parser.add_argument("--trials", type=int, help="only the first ones of the grid")
    asked = parser.parse_args()
    space = yaml.safe_load(asked.space.read_text(encoding="utf-8"))
    choices = [entry["choices"] for entry in space["search"].values()]
    points = [dict(zip(space["search"], values, strict=True)) for values in product(*choices)][: asked.trials]
    data = read(asked.table, asked.images, space["set"]["data.image_size"])

    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own 15 would starve beside other programs
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    ray.init(num_cpus=asked.concurrent, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        tune.with_parameters(trial, data=data, weights=str(asked.weights.absolute())),
        param_space={"settings": tune.grid_search([space["set"] | point for point in points])},
        tune_config=tune.TuneConfig(max_concurrent_trials=asked.concurrent, reuse_actors=True),
        run_config=tune.RunConfig(
            storage_path=str(asked.out.parent.absolute()), name="tune", verbose=0,
            failure_config=tune.FailureConfig(fail_fast=True),
        ),
    )  # fmt: skip
    results = tuner.fit()
    best = results.get_best_result("f1", "max").config["settings"]
    ray.shutdown()
    torch.set_num_threads(os.cpu_count() or 1)
    net, _ = fit(best | {"train.seed": 1}, data, asked.weights)
    logits, labels = predict(net, data["test"], best["train.batch_size"])
    trials = [
        {"point": {name: result.config["settings"][name] for name in space["search"]}, "f1": result.metrics["f1"],
         "epoch": result.metrics["epoch"], "seconds": result.metrics["time_total_s"], "cpu": result.metrics["cpu"]}
        for result in results
    ]  # fmt: skip
    test = mean_f1(logits, labels, data["classes"])
    asked.out.write_text(json.dumps({"trials": trials, "test": test}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
