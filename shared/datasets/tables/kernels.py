"""pyarrow.compute under a type that lets its functions be called: they are made at run time, and a type checker sees none."""

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
