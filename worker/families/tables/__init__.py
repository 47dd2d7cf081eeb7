"""Tables: columns made into numbers, networks over them, the simple answers beside them, and why a row got its answer."""
