"""Masks: a class for each pixel of a picture. Reading pairs, learning from crops, answering whole pictures tile by tile."""
