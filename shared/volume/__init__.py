"""The shared volume: where things are, how they get there, reading them back, copies, damage."""
