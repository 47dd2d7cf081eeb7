"""Base models: open weights, imported once and kept on the volume for trainings and generations to stand on."""
