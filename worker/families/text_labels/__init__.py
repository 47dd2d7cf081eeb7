"""Labels of texts: rows read and cleaned, tokens, networks, answers, how good they are, what is done with a model."""
