"""Makes small pictures of made-up faces: each person has a pattern of its own, each picture another light, shift and noise."""

import numpy as np

from tests.support.tiny_pictures import png


def tiny_face(person: int, number: int, *, side: int = 16) -> np.ndarray:
    """uint8 (side, side, 1)."""
    own, rng = np.random.default_rng([person, 9]), np.random.default_rng([person, number, 10])
    y, x = np.mgrid[:side, :side] / side
    y, x = y + rng.uniform(-0.05, 0.05), x + rng.uniform(-0.05, 0.05)
    found = np.zeros((side, side))
    for _ in range(4):
        at_y, at_x, size = own.uniform(0.15, 0.85), own.uniform(0.15, 0.85), own.uniform(0.08, 0.2)
        found += own.choice([-1, 1]) * np.exp(-((y - at_y) ** 2 + (x - at_x) ** 2) / (2 * size**2))
    found = 128 + 70 * found + rng.uniform(-25, 25) + rng.normal(0, 4, found.shape)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)[..., None]


def face_files(people, each: int = 6, part: str = "", start: int = 0) -> list[tuple[str, bytes]]:
    """(path, bytes): p03/000.png and so on. people: their numbers."""
    lead = f"{part}/" if part else ""
    return [
        (f"{lead}p{person:02d}/{n:03d}.png", png(tiny_face(person, n)))
        for person in people
        for n in range(start, start + each)
    ]
