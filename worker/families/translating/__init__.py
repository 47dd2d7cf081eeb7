"""From one text to another: encoder-decoders, and how good what they write is. The recipe: seq2seq."""
