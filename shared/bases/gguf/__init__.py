"""Open weights in a GGUF file: header.py reads it, tensors.py its numbers, naming.py and tokenizer.py say what they are of ours."""
