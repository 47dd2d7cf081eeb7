"""Scripts in which words are not parted by spaces: there a character does what a word does elsewhere."""

UNPARTED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Han, Hangul; inside a [] of a regular expression
