"""The only folder in which TensorFlow is imported, and there only in the processes that train or generate."""
