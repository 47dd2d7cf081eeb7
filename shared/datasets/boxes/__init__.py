"""Boxes around things in pictures: reading what annotation programs write, and the one form in which they are stored."""

from shared.datasets.boxes.storing import BOXES, BoxedPicture, read_boxes, write_boxes

__all__ = ["BOXES", "BoxedPicture", "read_boxes", "write_boxes"]
