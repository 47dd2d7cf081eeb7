"""Pictures with texts that say what they show: finding which belong together, and the one form in which they are stored."""

from shared.datasets.captions.storing import CAPTIONS, PICTURES, CaptionedPicture, read_captions, write_captions

__all__ = ["CAPTIONS", "PICTURES", "CaptionedPicture", "read_captions", "write_captions"]
