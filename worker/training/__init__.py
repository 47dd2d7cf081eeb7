"""The one training loop and what it stands on: steps, checkpoints, exact resume, optimizers, samples."""
