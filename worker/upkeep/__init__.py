"""Keeps the installation in order: the reaper and its housekeeping. Never imports NumPy, TensorFlow or Keras."""
