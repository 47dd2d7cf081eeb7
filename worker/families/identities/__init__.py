"""Who or what pictures show, also of those never seen: vectors of pictures, near each other for the same person or thing."""
