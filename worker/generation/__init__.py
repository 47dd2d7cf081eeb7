"""Uses of trained models: the warm generator and fast decoding."""
