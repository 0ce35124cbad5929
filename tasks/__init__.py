"""One verb per unit of retry; imports blocks, never flows."""
