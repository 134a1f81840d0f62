"""Epochs, schedule, progress, checkpoints, transfer of pretrained rows."""
