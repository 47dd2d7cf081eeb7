"""What recipes share that go on training a base model: rows of tokens, packing, adapters, steps, measuring, taking away."""
