"""The contract between web, worker and cli: what a job is, where its record lives, what lies on the volume.

Plain Python, pydantic and redis. Never imports Flask, Celery, NumPy, TensorFlow or Keras.
"""
