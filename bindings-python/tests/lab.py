"""Where tests get their servers from: the kit that users have, with this tree's command unless ``STANDFAST_LAB`` names another."""

from __future__ import annotations

import os
from pathlib import Path

from standfast.testing import Lab, LabError, lab_program

os.environ.setdefault("STANDFAST_LAB", str(Path(__file__).resolve().parents[2] / "target" / "debug" / "standfast-lab"))

__all__ = ["Lab", "LabError", "lab_program"]
