"""What readers see, as pandas frames."""
