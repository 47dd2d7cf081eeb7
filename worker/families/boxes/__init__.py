"""Boxes around things in pictures: learning to say them, answering with them, measuring them, taking such a model away."""
