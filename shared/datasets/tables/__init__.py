"""Tables: how rows as people have them (delimited text, .jsonl, Parquet, spreadsheets) become one Arrow file, and how it is read.

taking.py        an upload -> files/table.arrow; says what was found, changed and left out (said.py)
  delimited.py json_rows.py foreign.py     read one file each, into parts (parts.py) whose cells are all texts
  rows.py header.py names.py sniffing.py   rows with or without a line of names
  columns.py number_styles.py date_styles.py missing.py converting.py   what a column of texts is, and converting it
  bad_rows.py splits.py                    rows that fit nowhere, named and counted; files and columns that tell parts
reading.py       files/table.arrow -> rows by index, for workers and previews
looking.py       files/table.arrow -> the report: measuring.py relations.py advice.py

pyarrow is imported where tables are read or written and nowhere else: it takes 0.2 s and loads NumPy, which most processes that
import shared.datasets never need. formats/table.py imports at its top only what does without (shown.py, sniffing.py).
"""
