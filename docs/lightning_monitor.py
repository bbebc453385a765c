# SPDX-License-Identifier: MIT
"""Lightning: a callback that logs the measures after each epoch and stops a collapsed training.

    trainer = Trainer(callbacks=[CollapseCallback(views)])
"""
import lightning
import torch
from simsiam_collapse import Detector, Monitor


class CollapseCallback(lightning.Callback):
    def __init__(self, batches, encode=lambda module, x: module(x), patience=3):
        """`batches` gives pairs (x1, x2): two augmentations of the same held-out images."""
        self.batches, self.encode, self.monitor = batches, encode, Monitor(patience=patience)

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, module):
        module.eval()              # batch norm over a batch hides a collapse
        with Detector() as detector:
            for x1, x2 in self.batches:
                detector.add(*(self.encode(module, x.to(module.device)) for x in (x1, x2)))
            report = self.monitor.put(trainer.current_epoch, detector.report())
        module.train()
        module.log_dict({"std_sqrtd": report.std_sqrtd, "view_share": report.view_share, "rank": report.rank})
        trainer.should_stop = trainer.should_stop or self.monitor.failed
