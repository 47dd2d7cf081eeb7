"""Watches over attempts: claims, leases, processes, devices, how an attempt ends. Never imports NumPy, TensorFlow or Keras."""
