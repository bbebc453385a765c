# SPDX-License-Identifier: MIT
"""Plain PyTorch: a verdict after each epoch.  Copy it into your training script.

    monitor = Monitor()
    for epoch in range(epochs):
        train_one_epoch(model)
        print(judge(monitor, epoch, model, views))
        if monitor.failed: break
"""
import torch
from simsiam_collapse import Detector, Monitor


@torch.no_grad()
def judge(monitor: Monitor, epoch, encoder, batches):
    """`batches` gives pairs (x1, x2): two augmentations of the same held-out images."""
    training = encoder.training
    encoder.eval()                 # batch norm over a batch hides a collapse
    with Detector() as detector:
        for x1, x2 in batches:
            detector.add(encoder(x1), encoder(x2))
        report = monitor.put(epoch, detector.report())
    encoder.train(training)
    return report
