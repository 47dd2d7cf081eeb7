"""One decoder network for every language model (network.py), filled with an imported base's weights (weights.py)."""
