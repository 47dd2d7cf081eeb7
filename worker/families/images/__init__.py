"""Pictures: reading, augmenting, the small networks that look at them, and drawing what they say."""
