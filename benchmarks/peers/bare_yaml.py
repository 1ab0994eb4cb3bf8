"""A bare `yaml.load` with the C loader: `python bare_yaml.py FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

yaml.load(Path(sys.argv[1]).read_bytes(), Loader=yaml.CSafeLoader)
