"""The colours of charts, the same on every site. The last one is for what is none of the named parts."""

from __future__ import annotations

SERIES = ("#2563c9", "#d97706", "#006a55", "#b83280", "#2b97d8", "#4c1d78", "#8a94a6")
