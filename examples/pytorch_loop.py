"""A PyTorch loop
==============

A training loop is an objective of a ``Study``: report the validation loss after each epoch, and
return when ``trial.should_stop()`` says that the configuration is not worth the rest.  The seed of
the network is fixed, so that trials differ in their configuration only.

    python examples/pytorch_loop.py
"""

from __future__ import annotations

import argparse

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from tuneplug import Categorical, Float, Int, Study, Trial

SPACE = {
    "optimizer": Categorical(["sgd", "adam"]),
    "learning_rate": Float(1e-4, 1.0),
    "momentum": Float(0.0, 0.99, when={"optimizer": ["sgd"]}),
    "width": Int(8, 128),
    "dropout": Float(0.0, 0.7),
    "batch_size": Categorical([32, 64, 128]),
}
EPOCHS = 15


def load_data() -> list[torch.Tensor]:
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X / 16.0, y, random_state=0)
    kinds = [torch.float32, torch.float32, torch.int64, torch.int64]
    return [torch.tensor(part, dtype=kind) for part, kind in zip(parts, kinds, strict=True)]


def make_network(width: int, dropout: float) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 10))


def make_optimizer(network: nn.Module, params: dict) -> torch.optim.Optimizer:
    if params["optimizer"] == "sgd":
        momentum = params["momentum"]
        return torch.optim.SGD(network.parameters(), params["learning_rate"], momentum=momentum)
    return torch.optim.Adam(network.parameters(), params["learning_rate"])


def train(trial: Trial) -> float:
    X, X_val, y, y_val = load_data()
    torch.manual_seed(0)
    params = trial.params
    network = make_network(params["width"], params["dropout"])
    optimizer, criterion = make_optimizer(network, params), nn.CrossEntropyLoss()
    for epoch in range(EPOCHS):
        network.train()
        for batch in torch.randperm(len(X)).split(params["batch_size"]):
            optimizer.zero_grad()
            criterion(network(X[batch]), y[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            loss = criterion(network(X_val), y_val)
        trial.report(loss, epoch)  # a tensor without dimensions is a number
        if trial.should_stop():
            break
    return loss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=30)
    study = Study(SPACE, stopping="asha", seed=0)
    study.optimize(train, parser.parse_args().trials, verbose=1)
    print(f"validation loss {study.best_value:.4f} with {study.best_params}")
    print(study.savings())


if __name__ == "__main__":
    main()
