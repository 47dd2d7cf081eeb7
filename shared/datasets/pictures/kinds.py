"""Which picture files are read, and what the others are called: by the ending of a name, or by the first bytes."""

from importlib.util import find_spec
from pathlib import PurePosixPath

# Pillow would try every format it knows, whatever the file's name, and start Ghostscript on PostScript: only these are read.
# JPEG covers the MPO of many telephones.
READ_AS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", *(("AVIF",) if find_spec("PIL.AvifImagePlugin") else ()))
SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
    | ({".avif"} if "AVIF" in READ_AS else set())
)
SAID_SUFFIXES = "png, jpg, gif, bmp, webp, tif, ppm" + (", avif" if "AVIF" in READ_AS else "")
MOST_PIXELS = 64_000_000  # of one picture; more is refused before it is decoded
HEAD = 512  # bytes that kind_of looks at

_OTHER_SUFFIXES = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "HEIC"),
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf", ".pef"), "raw camera"),
    **dict.fromkeys((".jp2", ".j2k", ".jpx"), "JPEG 2000"),
    **dict.fromkeys((".dcm", ".dicom"), "DICOM"),
    **dict.fromkeys((".eps", ".ps", ".ai"), "PostScript"),
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
    ".psd": "Photoshop",
    ".svg": "SVG",
    ".tga": "Targa",
    ".ico": "icon",
    ".exr": "OpenEXR",
    ".hdr": "Radiance HDR",
}
_READABLE_HEADS = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
)
_OTHER_HEADS = (
    (b"8BPS", "Photoshop"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"%!PS", "PostScript"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def has_picture_suffix(name: str) -> bool:
    """True for names with an ending that is read."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def other_suffix(name: str) -> str | None:
    """What kind of picture a name's ending says, of those that cannot be read ("HEIC"); None for all else."""
    suffix = PurePosixPath(name).suffix.lower()
    return None if suffix in SUFFIXES else _OTHER_SUFFIXES.get(suffix)


def readable_kind(head: bytes) -> str | None:
    """The kind of picture that a file's first bytes begin, of those that are read; None for all else."""
    for magic, kind in _READABLE_HEADS:
        if head.startswith(magic):
            return kind
    if head[:2] == b"BM" and head[6:10] == bytes(4):  # two letters alone begin many a text
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS and "AVIF" in READ_AS:
        return "AVIF"
    return "PPM" if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace() else None


def other_kind(head: bytes) -> str | None:
    """The kind of picture that a file's first bytes begin, of those that cannot be read; None for all else."""
    for magic, kind in _OTHER_HEADS:
        if head.startswith(magic):
            return kind
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "HEIC" if brand in _HEIC_BRANDS else "AVIF" if brand in _AVIF_BRANDS and "AVIF" not in READ_AS else None
    return "SVG" if head.lstrip()[:1] == b"<" and b"<svg" in head.lower() else None
