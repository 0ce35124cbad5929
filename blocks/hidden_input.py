"""How blocks are validated: an error names the field and what is wrong, never what was given, which may be secret."""

from __future__ import annotations

from pydantic import ConfigDict

HIDDEN_INPUT = ConfigDict(hide_input_in_errors=True)
