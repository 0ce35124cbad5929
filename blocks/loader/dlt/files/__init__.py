"""Files: listed, read by format. Add a format beside the others and name it in `load.FORMATS`."""
