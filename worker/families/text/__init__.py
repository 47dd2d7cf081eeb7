"""Text for language models: vocabularies, batches, writing out what a model says."""
