"""Pictures and the texts that say what they show, as vectors in one space: either is found by the other."""
