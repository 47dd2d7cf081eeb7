"""Pairs of pictures: a picture and its mask, or a degraded picture and the clean one."""

from shared.datasets.pairs.storing import PAIRS, MaskKind, Pair, mask_classes, read_pairs, write_pairs

__all__ = ["PAIRS", "MaskKind", "Pair", "mask_classes", "read_pairs", "write_pairs"]
